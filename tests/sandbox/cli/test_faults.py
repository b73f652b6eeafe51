"""`fault` and `clock freeze` on a running sandbox, and what a client behind the proxy really meets."""

import json
import ssl
from collections.abc import Iterator

import httpx
import pytest
from tests.sandbox.cli.conftest import Cli

from apim_sandbox.cli.problems import BAD_INPUT
from apim_sandbox.client import Sandbox, SandboxError
from apim_sandbox.documents import DocumentError
from apim_sandbox.scenario.load import loads

live_only = pytest.mark.clients

URL = "https://login.microsoftonline.com/common/discovery/v2.0/keys"
HEAD = "id: a/b\ntitle: t\nstory: s\nsource: x\ntags: {hop: 5, actor: entra}\ncause:\n  timeline:\n"
TAIL = "expect:\n  - {gateway: ready}\n"


@pytest.fixture
def tidy(here: Sandbox) -> Iterator[Sandbox]:
    """The running sandbox, mended after the test."""
    yield here
    here.faults.clear()


def ask(sandbox: Sandbox, url: str = URL, patience: float = 60.0) -> httpx.Response:
    """Over a connection of its own, through the proxy, trusting the sandbox's CA alone.

    `patience` in seconds with a silent server; the handshakes have time, however busy the machine.
    """
    context = ssl.create_default_context(cafile=sandbox.instance.ca_file)
    proxy, limits = sandbox.instance.proxy, httpx.Timeout(60, read=patience)
    with httpx.Client(proxy=proxy, verify=context, trust_env=False, timeout=limits) as client:
        return client.get(url)


@live_only
def test_a_fault_is_added_listed_and_mended(tidy: Sandbox, cli: Cli) -> None:
    """Its scope in words, how often it acted, and that one never did."""
    added = cli("fault", "add", "status", "entra", "code=503", "--calls", "2..3", "--for", "10m")
    assert added.status == 0
    assert "It acts on calls 2..3, for 10m." in added.out
    cli("fault", "add", "stale-jwks")
    assert [ask(tidy).status_code for _ in range(4)] == [200, 503, 503, 200]
    listed = json.loads(cli("fault", "list", "--json").out)
    assert [(one["id"], one["fired"], one["active"]) for one in listed] == [
        ("status", 2, True),
        ("stale-jwks", 0, True),
    ]
    assert "never acted" in cli("fault", "list").out
    assert cli("fault", "remove", "status").out == "Mended status at entra: it acted 2 times.\n"
    mended = cli("fault", "clear").out
    assert mended.startswith("Mended stale-jwks at entra: it never acted.\n")
    assert cli("fault", "clear").out == "Nothing was broken on purpose.\n"


@live_only
@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("name-unknown", httpx.ProxyError, "502 Name or service not known"),
        ("connection-refused", httpx.ProxyError, "502 Connection refused"),
        ("unreachable", httpx.ReadTimeout, "timed out"),
        ("wrong-certificate", httpx.ConnectError, "CERTIFICATE_VERIFY_FAILED"),
        ("plain-http", httpx.ConnectError, "SSL"),
        ("no-answer", httpx.ReadTimeout, "timed out"),
        # The proxy ends its side first: a client may see that end before it sees the reset.
        ("reset", (httpx.ReadError, httpx.RemoteProtocolError), "reset by peer|disconnected"),
        ("truncated-body", httpx.RemoteProtocolError, "peer closed connection"),
    ],
)
def test_a_client_meets_the_real_thing(
    tidy: Sandbox, fault: str, error: type[Exception] | tuple[type[Exception], ...], words: str
) -> None:
    """Over real sockets; and it goes by when the fault is mended."""
    with tidy.faults.during(fault, "entra"), pytest.raises(error, match=words):
        ask(tidy, patience=1.5 if error is httpx.ReadTimeout else 60.0)
    assert ask(tidy).status_code == 200


@live_only
def test_a_fault_that_never_acted_fails_its_block(tidy: Sandbox) -> None:
    """And is mended all the same."""
    with (
        pytest.raises(SandboxError, match="fault latency never acted"),
        tidy.faults.during("latency", "graph", seconds=1),
    ):
        ask(tidy)
    assert tidy.faults.list() == ()


@live_only
def test_what_can_not_be_added_is_refused_with_what_can(tidy: Sandbox, cli: Cli) -> None:
    """Before anything is asked of the sandbox where that is known, else in its words."""
    cases = {
        ("statsu", "entra"): "no fault is called 'statsu'; did you mean 'status'?",
        ("status", "code=503"): "fault 'status' needs a target: one of oidc, webhook",
        ("status", "entra", "cod=503"): "has no argument 'cod'; did you mean 'code'?",
        ("status", "entra", "arm", "code=503"): "'arm' is a second target after 'entra'",
        ("status", "entra", "code=503", "path=/a"): "path is no argument of a fault",
        ("latency", "entra", "seconds=soon"): "argument seconds: 'soon' is not a duration",
        ("status", "entra", "code=503", "--calls", "5..3"): "calls 5..3 ends before it begins",
        ("status", "entra", "code=503", "--chance", "0.5"): "a chance needs a seed",
        ("status", "entra", "code=503", "--gateway", "g"): "can't be limited by gateway",
        ("stale-jwks", "--until", "noon"): "'noon' is no moment",
        ("revoked-role", "principal=apim-gatway"): "apim-gateway",
        ("status", "entra", "code=503", "--tenant", "contoso"): "no tenant is called 'contoso'",
    }
    for words, message in cases.items():
        ended = cli("fault", "add", *words)
        assert (ended.status, message in ended.err) == (BAD_INPUT, True), (words, ended.err)
    assert tidy.faults.list() == ()


@live_only
def test_time_stands_still_and_goes_on(tidy: Sandbox, cli: Cli) -> None:
    """Two looks at a frozen clock see the same moment; it can be moved, not turned back."""
    cli("clock", "freeze")
    first = tidy.clock.show()
    assert first["frozen"] == first["now"] == tidy.clock.now()
    assert "standing still" in cli("clock", "show").out
    moved = json.loads(cli("clock", "advance", "1h", "--json").out)
    assert moved["now"] == first["now"] + 3600
    with pytest.raises(SandboxError, match="can't go back by 3600 s: tokens and events already carry"):
        tidy.clock.set(first["now"])
    assert json.loads(cli("clock", "unfreeze", "--json").out)["frozen"] is None
    assert tidy.clock.now() > moved["now"]


def test_the_catalogue_and_one_fault_are_shown_without_a_sandbox(cli: Cli) -> None:
    """Its picture, its arguments, and a command to try."""
    assert "stale-jwks" in cli("fault", "catalogue").out
    shown = cli("fault", "show", "latency").out
    assert "caller" in shown or "client ──► [waits]" in shown
    assert "apim-sandbox fault add latency oidc seconds=10s" in shown
    assert cli("fault", "show", "latancy").err == (
        "error: no fault is called 'latancy'; did you mean 'latency'?\nnext:  apim-sandbox fault catalogue\n"
    )


@pytest.mark.parametrize(
    ("step", "wrong", "message"),
    [
        ("{fault: statsu, target: entra}", "statsu", 'no fault is called "statsu"; did you mean "status"?'),
        ("{fault: status, arguments: {code: 503}}", "{fault", "needs a target"),
        ("{fault: stale-jwks, target: oidc}", "oidc", "it can be at entra"),
        ("{fault: latency, target: entra, arguments: {second: 3}}", "3}", "did you mean 'seconds'"),
        ("{fault: status, target: entra, arguments: {code: 3}}", "3}", "whole number >= 200"),
        ("{fault: stale-jwks, calls: 5..3}", "5..3", "ends before it begins"),
        ("{fault: status, target: oidc, arguments: {code: 503}, tenant: a.b}", "a.b", "by tenant"),
    ],
)
def test_a_fault_that_can_not_be_is_shown_where_it_stands(step: str, wrong: str, message: str) -> None:
    """In a scenario: file, line and column of the value that is wrong."""
    line = f"    - {{addFault: {step}}}"
    with pytest.raises(DocumentError) as refused:
        loads(f"{HEAD}{line}\n{TAIL}", "a.yaml")
    assert message in str(refused.value)
    place = f"a.yaml:{HEAD.count(chr(10)) + 1}:{line.index(wrong) + 1}:"
    assert str(refused.value).startswith(place), str(refused.value)
