"""Policy documents: what acts, in which order, and what is named as not acting."""

import anyio
import pytest
from tests.sandbox.gateway.conftest import Scene
from tests.sandbox.gateway.fakes import ECHO_API
from tests.sandbox.gateway.test_dataplane import ready

from apim_sandbox.gateway.policies import Forward, Plan, ReturnResponse, SetHeader, plan, run


def document(inbound: str = "<base />", backend: str = "<base />", outbound: str = "<base />") -> str:
    return (
        f"<policies><inbound>{inbound}</inbound><backend>{backend}</backend>"
        f"<outbound>{outbound}</outbound><on-error><base /></on-error></policies>"
    )


def header(name: str, value: str = "1", action: str = "override") -> str:
    return f'<set-header name="{name}" exists-action="{action}"><value>{value}</value></set-header>'


def names(made: Plan) -> list[str]:
    return [step.name for step in made.inbound if isinstance(step, SetHeader)]


def test_scopes_are_joined_at_their_base() -> None:
    """What stands before <base /> runs before the scope around, what stands after it, after."""
    scopes = (
        ("global", document(header("g"))),
        ("api", document(header("a1") + "<base />" + header("a2"))),
        ("operation", document("<base />" + header("o"))),
    )
    made, skipped = plan(scopes, {})
    assert (names(made), skipped) == (["a1", "g", "a2", "o"], ())
    without, _ = plan((*scopes, ("inner", document(header("alone")))), {})
    assert names(without) == ["alone"]


def test_a_section_left_out_is_inherited() -> None:
    """As if it held <base />."""
    made, _ = plan((("global", document(header("g"))), ("api", "<policies />")), {})
    assert (names(made), made.forwards) == (["g"], True)


def test_without_any_document_the_request_is_forwarded() -> None:
    """The plan of an API that nobody gave a policy."""
    assert plan((), {}) == (Plan((), (Forward(),), ()), ())


@pytest.mark.parametrize(
    ("inbound", "reason"),
    [
        ("<rate-limit calls='5' renewal-period='60' />", "rate-limit (this policy does not act)"),
        (header("x", "@(context.RequestId)"), "set-header (expressions do not act)"),
        (header("x", "{{nobody}}"), "set-header (there is no named value 'nobody')"),
        (header("Content-Length"), "set-header (Content-Length can't be set)"),
        (header("a b"), "set-header (it is not complete)"),
        (header("x", "Ā"), "set-header (a value holds a character that no header can)"),
        ("<return-response><set-status code='900' /></return-response>",
         "return-response ('900' is no status from 200 to 599)"),
        ("<return-response><set-body template='liquid'>x</set-body></return-response>",
         "return-response (set-body's attributes do not act)"),
        ("<return-response><choose /></return-response>", "return-response (choose in it does not act)"),
    ],
)  # fmt: skip
def test_what_does_not_act_is_named_and_skipped(inbound: str, reason: str) -> None:
    """The statements beside it act all the same."""
    made, skipped = plan((("api echo", document(inbound + header("kept"))),), {})
    assert (skipped, names(made)) == ((f"api echo: inbound: {reason}",), ["kept"])


def test_on_error_and_documents_that_are_no_xml_do_not_act() -> None:
    """rawxml may hold unescaped expressions: the document is kept and named as a whole."""
    raw = '<policies><inbound><set-header name="x"><value>@(a < b)</value></set-header></inbound></policies>'
    on_error = "<policies><on-error><base /><trace /></on-error></policies>"
    made, skipped = plan((("global", raw), ("api", on_error)), {})
    assert made == Plan()
    assert skipped == (
        "global: the whole document (its expressions leave it no XML)",
        "api: on-error: trace (on-error does not act)",
    )


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("override", [(b"y", b"0"), (b"x", b"new")]),
        ("skip", [(b"X", b"old"), (b"y", b"0")]),
        ("append", [(b"X", b"old"), (b"y", b"0"), (b"x", b"new")]),
        ("delete", [(b"y", b"0")]),
    ],
)
def test_a_header_that_exists_is_treated_as_said(action: str, after: list[tuple[bytes, bytes]]) -> None:
    """`exists-action`'s four values; header names know no case."""
    made, _ = plan((("api", document(header("x", "new", action))),), {})
    headers = [(b"X", b"old"), (b"y", b"0")]
    assert run(made.inbound, headers) is None
    assert headers == after


def test_named_values_are_filled_in() -> None:
    """By display name, without regard to case."""
    made, _ = plan((("api", document(header("x", "is {{Backend-Key}}"))),), {"backend-key": "v"})
    assert made.inbound == (SetHeader("x", "override", ("is v",)),)


def test_return_response_ends_the_pipeline() -> None:
    """Status, headers and body; what follows does not run."""
    answer = (
        "<return-response><set-status code='418' reason='Teapot' />"
        "<set-header name='x-pot'><value>1</value></set-header><set-body>short</set-body></return-response>"
    )
    made, _ = plan((("api", document(answer + header("late"))),), {})
    headers: list[tuple[bytes, bytes]] = []
    found = run(made.inbound, headers)
    assert (found, headers) == (
        ReturnResponse(418, (SetHeader("x-pot", "override", ("1",)),), b"short"), [],
    )  # fmt: skip


@pytest.mark.anyio
async def test_policies_act_on_calls_and_the_others_are_logged_once(scene: Scene) -> None:
    """Inbound before the back end, outbound after it; one line for what does not act, over many polls."""
    scene.api.entities["policy"] = {"policy": document(header("x-in", "{{word}}"), "<forward-request />")}
    scene.api.entities["namedValues/word"] = {"displayName": "word", "value": "hello", "secret": False}
    scene.api.entities["apis/echo-api"] = {
        **ECHO_API,
        "policy": document("<base /><cors />", outbound="<base />" + header("x-out")),
        "operations": [
            {"name": "all", "method": "GET", "urlTemplate": "/*"},
            {"name": "tea", "method": "GET", "urlTemplate": "/tea", "policy": document(
                "<return-response><set-status code='418' /><set-body>no</set-body></return-response>")},
            {"name": "quiet", "method": "GET", "urlTemplate": "/quiet", "policy": document(backend="")},
        ],
    }  # fmt: skip
    client = await ready(scene)
    answer = await client.get("/echo/x")
    assert (answer.status_code, answer.json()["headers"]["x-in"]) == (201, "hello")
    assert answer.headers["x-out"] == "1"
    tea = await client.get("/echo/tea")
    assert (tea.status_code, tea.text, "x-out" in tea.headers) == (418, "no", False)
    quiet = await client.get("/echo/quiet")
    assert (quiet.status_code, quiet.text, quiet.headers["x-out"]) == (200, "", "1")
    scene.api.put("apis/second", {**ECHO_API, "name": "second", "path": "second"})
    await anyio.sleep(20)
    said = [line for line in scene.sink.lines if "[PolicyNotActing]" in line]
    assert [line.partition("message: ")[2] for line in said] == [
        "api echo-api: inbound: cors (this policy does not act)"
    ]


@pytest.mark.anyio
async def test_a_service_url_may_name_a_value(scene: Scene) -> None:
    """Without the value there is nowhere to send the request, and the log says so."""
    scene.api.entities["apis/echo-api"] = {**ECHO_API, "serviceUrl": "https://{{host}}/api"}
    client = await ready(scene)
    assert (await client.get("/echo/x")).status_code == 500
    assert any("there is no named value 'host'" in line for line in scene.sink.lines)
    scene.api.put("namedValues/h", {"displayName": "host", "value": "echo.sandbox.test"})
    await anyio.sleep(20)
    assert (await client.get("/echo/x")).status_code == 201
