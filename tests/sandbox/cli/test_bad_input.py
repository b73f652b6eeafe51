"""What a user can do wrong, each with its whole message and exit status; no sandbox runs here."""

import errno
import re
import socket
from pathlib import Path

import pytest
from tests.sandbox.cli.conftest import Cli

from apim_sandbox.cli.problems import BAD_INPUT, BROKEN, DEFECT, NOT_RUNNING, USAGE, report
from apim_sandbox.instance import Instance, StateDir


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory in which nothing runs."""
    directory = tmp_path / "state"
    monkeypatch.setenv("APIM_SANDBOX_STATE_DIR", str(directory))
    return directory


@pytest.mark.parametrize(
    "command",
    [
        "status", "get pods", "get assignments", "logs x", "journal", "explain", "describe pod x", "env",
        "token sa", "token access", "token gateway", "clock show", "clock advance 1m", "clock skew entra 1m",
        "clock set 2030-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_no_sandbox_runs(cli: Cli, nowhere: Path, command: str) -> None:
    message = f"error: no sandbox runs in {nowhere}\nnext:  apim-sandbox up --detach\n"
    assert cli(*command.split()) == (NOT_RUNNING, "", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AADSTS7002139", "AADSTS7002139 is not known here; the nearest are AADSTS700213, "),
        ("401: AADSTS7002139: something new", "AADSTS7002139 is not known here; the nearest are "),
        ("all is well", "nothing in 'all is well' is known here: no AADSTS code, no log event\n"),
        ("x " * 100, "nothing in '" + "x " * 59 + "x…' is known here: no AADSTS code, no log event\n"),
    ],
)
def test_a_code_or_a_line_that_nobody_knows(cli: Cli, text: str, message: str) -> None:
    """Without a sandbox, and with the way to the last failure of one."""
    ended = cli("explain", text)
    assert (ended.status, ended.out) == (BAD_INPUT, "")
    assert ended.err.startswith(f"error: {message}")
    assert ended.err.splitlines()[-1].startswith("next:  apim-sandbox explain --last")


def test_a_bare_status_is_explained_where_no_journal_can_have_such_a_record(cli: Cli) -> None:
    ended = cli("explain", "403")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Forbidden: the configuration API refuses\n")


@pytest.mark.parametrize("address", ["foo", "127.0.0.1", "127.0.0.1:x", ":1", "127.0.0.1:65536"])
def test_an_address_that_is_none(cli: Cli, address: str) -> None:
    """The sandbox's own parts are started by people too, in containers of theirs."""
    status, out, err = cli("serve", "oidc", "--control", "http://control", "--listen", address)
    assert (status, out) == (USAGE, "")
    assert f"Invalid value for --listen: {address!r} is not ADDRESS:PORT, such as 127.0.0.1:0" in err


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    message = f"error: {missing}: can't be read: No such file or directory\n"
    for command in ("apply", "delete"):
        assert cli(command, "-f", missing) == (BAD_INPUT, "", message)


def test_a_file_that_is_no_text(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "image.yaml"
    file.write_bytes(b"\x89PNG\r\n")
    assert cli("apply", "-f", file) == (BAD_INPUT, "", f"error: {file}: is not UTF-8 at byte 0\n")


def test_a_directory_without_manifests(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = f"error: no .yaml or .yml file in {tmp_path / 'empty'}\nnext:  apim-sandbox apply -f FILE\n"
    assert cli("apply", "-f", tmp_path / "empty") == (BAD_INPUT, "", message)


def test_a_world_with_three_mistakes_names_all(cli: Cli, tmp_path: Path) -> None:
    """`up` shows every problem of the file, each with its place and its fix, before anything starts."""
    file = tmp_path / "world.yaml"
    file.write_text("name: mine\ntenant: []\nsubscripions: []\n")
    status, out, err = cli("up", "--world", file)
    assert (status, out, err) == (
        BAD_INPUT,
        "",
        f"error: {file}:1:1: the world lacks tenants (fix: add tenants:)\n"
        f'error: {file}:2:1: unknown key "tenant" in the world (fix: write "tenants")\n'
        f'error: {file}:3:1: unknown key "subscripions" in the world (fix: write "subscriptions")\n',
    )
    assert cli("up", "--detach", "--world", file) == (status, out, err)
    assert cli("world", "check", file).status == BAD_INPUT


@pytest.mark.parametrize("detach", [True, False])
def test_a_port_that_is_taken(cli: Cli, nowhere: Path, detach: bool) -> None:
    """The message names the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = cli("up", f"--edge-port={port}", "--proxy-port=0", "--control-port=0", *["-d"] * detach)
    holder = re.search(r" by process \d+ \(.*\)(?=;)", ended.err)  # read from /proc, where there is one
    said = (
        f"port {port} on 127.0.0.1 can't be used (Address already in use){holder[0] if holder else ''}; "
        "choose another with --edge-port PORT"
    )
    foreground = f"error: {said}\n"
    detached = f"error: the sandbox did not start: {said}\nnext:  the whole of it: cat {nowhere}/server.log\n"
    assert ended == (NOT_RUNNING, "", detached if detach else foreground)


@pytest.mark.parametrize("detach", [True, False])
def test_a_second_sandbox_in_the_same_directory(cli: Cli, nowhere: Path, detach: bool) -> None:
    state = StateDir(nowhere)
    state.create()
    running = Instance(
        pid=4711, version="1", world="contoso", control="http://127.0.0.1:1", edge="https://localhost:2",
        proxy="http://127.0.0.1:3", ca_file="/ca.pem", bundle_file="/bundle.pem", state_dir=str(nowhere),
    )  # fmt: skip
    with state.lock():
        state.publish(running)
        ended = cli("up", *["--detach"] * detach)
    assert ended == (
        NOT_RUNNING,
        "",
        f"error: a sandbox runs already in {nowhere} (pid 4711, control http://127.0.0.1:1)\n"
        "next:  apim-sandbox status, or apim-sandbox down, or another one with --state-dir DIR\n",
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "get nodes",
            "error: 'nodes' can't be listed; there are pods, events, serviceaccounts, secrets, "
            "webhooks, gateways, apis, credentials, assignments\nnext:  apim-sandbox get --help\n",
        ),
        (
            "get crdentials",
            "error: 'crdentials' can't be listed; there are pods, events, serviceaccounts, secrets, "
            "webhooks, gateways, apis, credentials, assignments\nnext:  apim-sandbox get credentials\n",
        ),
        (
            "get pods -o xml",
            "error: 'xml' is no output format; there are wide, json, yaml\n"
            "next:  apim-sandbox get pods -o wide\n",
        ),
        (
            "describe node x",
            "error: 'node' can't be described; there is pod\nnext:  apim-sandbox describe pod x\n",
        ),
        ("clock advance soon", "error: 'soon' is not a duration; write 90s, 10m, 1h30m or 2d\n"),
        ("clock advance 10", "error: '10' is not a duration; write 90s, 10m, 1h30m or 2d\n"),
        (
            "clock advance -5m",
            "error: the clock can't go back by 5m: tokens and events already carry later times\n"
            "next:  apim-sandbox clock skew entra -5m\n",
        ),
        (
            "clock set tomorrow",
            "error: 'tomorrow' is no moment; write it as 2026-11-24T09:00:00Z\n"
            "next:  apim-sandbox clock show\n",
        ),
        (
            "clock skew entro 5m",
            "error: no actor is called 'entro'; there are you, cluster, oidc, webhook, entra, graph, arm, "
            "apim, gateway, control\nnext:  apim-sandbox clock skew entra 5m\n",
        ),
        ("token sa --duration x", "error: 'x' is not a duration; write 90s, 10m, 1h30m or 2d\n"),
        (
            "env --shell csh",
            "error: no shell is called 'csh'; there are bash, zsh, fish, powershell, dotenv\n"
            "next:  apim-sandbox env --shell bash\n",
        ),
        (
            "env --for pyhton",
            "error: no client is called 'pyhton'; there are az, node, go, dotnet, java, python\n"
            "next:  apim-sandbox env --for python\n",
        ),
        (
            "provenance --label sure",
            "error: no label is called 'sure'; there are documented, observed, assumed\n"
            "next:  apim-sandbox provenance --label assumed\n",
        ),
        (
            "provenance nothing.",
            "error: no behaviour's id begins with 'nothing.'\nnext:  apim-sandbox provenance\n",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_there_is(cli: Cli, command: str, message: str) -> None:
    assert cli(*command.split()) == (BAD_INPUT, "", message)


def test_a_ca_that_was_not_made_yet(cli: Cli, nowhere: Path) -> None:
    message = f"error: no CA was made in {nowhere} yet\nnext:  apim-sandbox up --detach\n"
    assert cli("ca", "path") == cli("ca", "show") == (BAD_INPUT, "", message)


def test_a_program_that_is_not_there(cli: Cli) -> None:
    assert cli("run", "--", "no-such-program") == (
        USAGE, "", "error: program 'no-such-program' is not on the PATH\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "last"),
    [
        ("get", "Missing argument 'WHAT'."),
        ("apply", "Missing option '--filename' / '-f'."),
        ("up --edge-port 70000", "Input should be less than or equal to 65535"),
        ("frobnicate", "No such command 'frobnicate'."),
    ],
)
def test_a_wrong_command_line_says_how_it_is_used(cli: Cli, command: str, last: str) -> None:
    ended = cli(*command.split())
    assert (ended.status, ended.out) == (USAGE, "")
    assert ended.err.startswith("Usage: apim-sandbox")
    assert ended.err.rstrip().endswith(last)


def test_a_manifest_that_will_fail_is_broken_not_bad_input(cli: Cli, tmp_path: Path) -> None:
    """`doctor` ends with 1 for what it finds, with 4 for what it can't read."""
    wrong = tmp_path / "gateway.yaml"
    wrong.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: env\ndata:\n"
        "  gateway.name: ==gw\n  config.service.auth: workloadIdentity\n"
        "  config.service.endpoint: https://contoso.configuration.azure-api.net\n"
    )
    assert cli("doctor", wrong).status == BROKEN
    wrong.write_text("kind: [\n")
    assert cli("doctor", wrong).status == BAD_INPUT


def test_what_nobody_can_cause_is_called_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    """With the traceback, and what to do with it."""
    assert report(KeyError("gone")) == DEFECT
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last == [
        "error: this is a defect of apim-sandbox: 'gone'",
        "next:  report the lines above, together with: apim-sandbox --version",
    ]


@pytest.mark.parametrize(
    ("error", "where"),
    [(OSError(errno.ENOSPC, "No space left on device"), ""),
     (OSError(errno.EDQUOT, "Disk quota exceeded", "/state/x"), " at /state/x")],
)  # fmt: skip
def test_a_full_disk_is_no_defect(error: OSError, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it is met, also where the system does not say which file it was."""
    assert report(error) == NOT_RUNNING
    assert capsys.readouterr().err == (
        f"error: the disk is full{where}: {error.strerror}\n"
        "next:  df -h, then make room, or name another place with --state-dir DIR\n"
    )
