"""Calls through the gateway."""

from collections.abc import AsyncIterator
from email.utils import formatdate

import anyio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from tests.sandbox.gateway.conftest import Scene
from tests.sandbox.gateway.fakes import ECHO_API

from apim_emulators.core.events import RequestServed

pytestmark = pytest.mark.anyio

NOT_FOUND = '{ "statusCode": 404, "message": "Resource not found" }'


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = (await request.body()).decode()
    answer = JSONResponse(
        {
            "method": request.method,
            "path": scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": body,
        },
        201,
        headers={"x-own": "1", "connection": "x-secret-hop", "x-secret-hop": "1"},
    )
    await answer(scope, receive, send)


async def ready(scene: Scene) -> httpx.AsyncClient:
    scene.hosts["echo.sandbox.test"] = echo
    scene.start()
    await anyio.sleep(1)
    return scene.client()


def served(scene: Scene) -> list[tuple[str, str, int, str]]:
    return [
        (event.method, event.path, event.status, event.api)
        for event in scene.events(RequestServed)
        if isinstance(event, RequestServed)
    ]


async def test_a_request_is_forwarded_with_its_rest_query_and_body(scene: Scene) -> None:
    """Hop-by-hop headers end at the gateway, both ways; Host is the back end's."""
    client = await ready(scene)
    answer = await client.post(
        "/echo/a%2Fb?x=1&y=%20", content=b"body", headers={"x-mine": "2", "connection": "x-hop", "x-hop": "3"}
    )
    assert answer.status_code == 201
    assert answer.headers["x-own"] == "1"
    assert "x-secret-hop" not in answer.headers
    sent = answer.json()
    assert sent["headers"]["host"] == "echo.sandbox.test"
    assert sent["headers"]["x-mine"] == "2"
    assert "x-hop" not in sent["headers"]
    assert (sent["method"], sent["body"]) == ("POST", "body")
    assert (sent["path"], sent["query"]) == ("/api/a%2Fb", "x=1&y=%20")
    assert served(scene) == [("POST", "/echo/a%2Fb", 201, "echo-api")]


async def test_a_path_of_no_api_is_not_found(scene: Scene) -> None:
    """Azure's body, spelled as Azure spells it."""
    client = await ready(scene)
    answer = await client.get("/nothing")
    assert (answer.status_code, answer.text) == (404, NOT_FOUND)
    assert served(scene) == [("GET", "/nothing", 404, "")]


async def test_nothing_is_served_before_the_first_configuration(scene: Scene) -> None:
    """503, as the status path says."""
    scene.api.trouble = lambda _: JSONResponse({}, 403)
    client = await ready(scene)
    assert (await client.get("/echo/x")).status_code == 503


async def test_a_back_end_that_is_away_is_a_500(scene: Scene) -> None:
    """The caller sees no detail, the log does."""
    client = await ready(scene)
    del scene.hosts["echo.sandbox.test"]
    answer = await client.get("/echo/x")
    assert (answer.status_code, answer.text) == (
        500,
        '{ "statusCode": 500, "message": "Internal server error" }',
    )
    assert "Name or service not known" in scene.sink.lines[-1]


async def test_a_back_end_that_takes_longer_than_300_seconds_is_a_500(scene: Scene) -> None:
    """forward-request's documented time-out."""
    client = await ready(scene)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(301)
        await Response("late")(scope, receive, send)

    scene.hosts["echo.sandbox.test"] = slow
    answer = await client.get("/echo/x", timeout=None)
    assert answer.status_code == 500


async def test_an_answer_streams_through(scene: Scene) -> None:
    """The first part is here while the back end still works on the second."""
    client = await ready(scene)

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await anyio.sleep(30)
        yield b"second"

    scene.hosts["echo.sandbox.test"] = StreamingResponse(parts())
    start = anyio.current_time()
    async with client.stream("GET", "/echo/x", timeout=None) as answer:
        arrived = [(chunk, anyio.current_time() - start) async for chunk in answer.aiter_raw()]
    assert arrived == [(b"first", 0.0), (b"second", 30.0)]


async def test_an_api_without_a_service_url_is_a_500(scene: Scene) -> None:
    """There is nowhere to send the request."""
    scene.api.entities["apis/echo-api"]["serviceUrl"] = None
    client = await ready(scene)
    assert (await client.get("/echo/x")).status_code == 500


async def test_a_subscription_key_is_required_where_the_api_says_so(scene: Scene) -> None:
    """Header before query; a key for another API opens nothing; a suspended subscription neither."""
    scene.api.entities["apis/echo-api"] = {**ECHO_API, "subscriptionRequired": True}
    scene.api.entities |= {
        "subscriptions/all": {
            "primaryKey": "fake-1",
            "secondaryKey": "fake-2",
            "scope": "/service/contoso/apis",
        },
        "subscriptions/echo": {"primaryKey": "fake-3", "scope": "/service/contoso/apis/echo-api"},
        "subscriptions/other": {"primaryKey": "fake-4", "scope": "/service/contoso/apis/other"},
        "subscriptions/old": {"primaryKey": "fake-5", "scope": "/service/contoso/apis", "state": "suspended"},
    }
    client = await ready(scene)
    statuses = {
        key: (await client.get("/echo/x", headers={"Ocp-Apim-Subscription-Key": key})).status_code
        for key in ("fake-1", "fake-2", "fake-3", "fake-4", "fake-5", "")
    }
    assert statuses == {"fake-1": 201, "fake-2": 201, "fake-3": 201, "fake-4": 401, "fake-5": 401, "": 401}
    assert (await client.get("/echo/x?subscription-key=fake-3")).status_code == 201
    refused = await client.get("/echo/x")
    assert refused.json()["message"].startswith("Access denied due to missing subscription key.")
    assert refused.headers["www-authenticate"] == 'AzureApiManagementKey realm="http://gateway.test"'


async def test_an_entity_that_does_not_fit_is_said_and_left_out(scene: Scene) -> None:
    """One bad API does not take the others away."""
    scene.api.entities["apis/bad"] = {"name": "bad", "path": 7}
    client = await ready(scene)
    assert (await client.get("/echo/x")).status_code == 201
    assert any("[ConfigurationEntityIgnored], message: apis/bad: " in line for line in scene.sink.lines)


async def test_a_gateway_with_host_names_serves_under_them_alone(scene: Scene) -> None:
    """404 under any other name, whatever its port; the status paths answer everywhere."""
    scene.api.entities["hostnameConfigurations/public"] = {"hostname": "API.contoso.test", "certificate": ""}
    client = await ready(scene)
    assert (await client.get("/echo/x")).status_code == 404
    assert (await client.get("/status-0123456789abcdef")).status_code == 200
    for host in ("api.contoso.test", "api.contoso.test:8080"):
        assert (await client.get("/echo/x", headers={"host": host})).status_code == 201
    scene.api.delete("hostnameConfigurations/public")
    await anyio.sleep(20)
    assert (await client.get("/echo/x")).status_code == 201


@pytest.mark.parametrize(
    ("hostname", "served", "refused"),
    [
        ("*.contoso.test", ["api.contoso.test", "B.contoso.test"], ["contoso.test", "a.b.contoso.test"]),
        ("*", ["anything.test", "a.b.c"], []),
    ],
)
async def test_a_host_name_may_be_a_wildcard(
    scene: Scene, hostname: str, served: list[str], refused: list[str]
) -> None:
    """`*.` stands for one label, `*` for any name; what else it asks for is logged once as not acting."""
    entity = {"hostname": hostname, "certificate": "", "negotiateClientCertificate": True}
    scene.api.entities["hostnameConfigurations/public"] = entity
    client = await ready(scene)
    statuses = {
        host: (await client.get("/echo/x", headers={"host": host})).status_code
        for host in (*served, *refused)
    }
    assert statuses == dict.fromkeys(served, 201) | dict.fromkeys(refused, 404)
    await anyio.sleep(60)
    said = [line for line in scene.sink.lines if "NotActing" in line]
    assert [line.rpartition("message: ")[2] for line in said] == [f"{hostname}: negotiateClientCertificate"]


async def test_a_host_names_own_entry_goes_before_a_wildcards(scene: Scene) -> None:
    """Its certificate is the one that port 8081 shows."""
    for name, hostname in (("own", "api.contoso.test"), ("wild", "*.contoso.test"), ("all", "*")):
        scene.api.entities[f"hostnameConfigurations/{name}"] = {"hostname": hostname, "certificate": name}
        data = {"thumbprint": name, "certificate": "", "privateKey": ""}
        scene.api.entities[f"certificates/{name}"] = data
    gateway = scene.start()
    await anyio.sleep(1)
    shown = {
        host: gateway.certificate_for(host) for host in ("API.contoso.test", "b.contoso.test", "other.test")
    }
    assert [found.thumbprint for found in shown.values() if found] == ["own", "wild", "all"]


async def test_every_answer_is_dated_once(scene: Scene) -> None:
    """By the back end where it did, else by the gateway's clock."""
    client = await ready(scene)
    own = formatdate(scene.clock.now(), usegmt=True)
    for path in ("/nowhere", "/status-0123456789abcdef"):
        assert (await client.get(path)).headers.get_list("date") == [own]
    theirs = "Thu, 01 Jan 1970 00:00:00 GMT"
    scene.hosts["echo.sandbox.test"] = Response("hello", headers={"date": theirs})
    assert (await client.get("/echo/x")).headers.get_list("date") == [theirs]
