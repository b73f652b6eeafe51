"""What travels to the configuration API."""

import gzip

import anyio
import msgspec
import pytest
from starlette.responses import Response
from tests.sandbox.gateway.conftest import Scene

from apim_emulators.core.events import ConfigurationAsked
from apim_sandbox.gateway.configuration import _status_name, _unpacked

pytestmark = pytest.mark.anyio


async def test_the_events_request_is_spelled_as_in_public_logs(scene: Scene) -> None:
    """Path, query, headers; the request id is a new GUID each time."""
    scene.start(**{"telemetry.logs.std.level": "debug"})
    await anyio.sleep(25)
    first, second = [request for request in scene.api.arrived if request.path.endswith("/events")]
    assert (first.method, first.path, first.query) == (
        "GET",
        "/gateways/on-prem/events",
        "$top=100&$skiptoken=00000001",
    )
    assert first.headers["authorization"].startswith("Bearer ey")
    ids = [request.headers["x-ms-client-request-id"] for request in (first, second)]
    assert len(set(ids)) == 2
    logged = [line for line in scene.sink.lines if "GettingEventsFromApi" in line]
    dataset = logged[0].partition("dataset-id: ")[2][:15]
    assert logged[0] == (
        "[Debug] 2026-01-1T00:00:10.000 [GettingEventsFromApi], message: uri: "
        "https://contoso.configuration.azure-api.net/gateways/on-prem/events?$top=100&$skiptoken=00000001, "
        f"dataset-id: {dataset}, request-id: {ids[0]}, source: ConfigurationApiClient"
    )
    assert f"dataset-id: {dataset}, request-id: {ids[1]}" in logged[1]


async def test_a_snapshot_is_read(scene: Scene) -> None:
    """As content encoding, and as a gzip file."""
    gateway = scene.start()
    await anyio.sleep(1)
    assert gateway.configuration is not None
    assert gateway.configuration.entities == scene.api.entities
    assert _unpacked(gzip.compress(b"{}")) == b"{}"
    with pytest.raises(ValueError, match="cut short"):
        _unpacked(gzip.compress(b"{}" * 1000)[:-9])


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"revision":"1","serviceName":"a","gatewayId":"b","entities":[]}', b"\x1f\x8bxx"]
)
async def test_a_malformed_snapshot_is_trouble(scene: Scene, body: bytes) -> None:
    """The gateway stays without a configuration and tries again."""
    scene.api.trouble = lambda _: Response(body)
    gateway = scene.start()
    await anyio.sleep(5)
    assert gateway.configuration is None
    assert any("the snapshot can't be read" in line for line in scene.sink.lines)
    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    assert gateway.state == "ready"


async def test_a_heartbeat_tells_instance_version_and_revision(scene: Scene) -> None:
    """The body is ours."""
    scene.start()
    await anyio.sleep(1)
    (beat,) = [request for request in scene.api.arrived if request.path.endswith("/heartbeat")]
    assert msgspec.json.decode(beat.body) == {
        "instanceId": "apim-gateway-7c9f5",
        "version": "2.11.1",
        "revision": "00000001",
    }


async def test_slashes_at_the_endpoints_end_and_odd_names_travel(scene: Scene) -> None:
    """The service collapses slashes; a name is escaped, so that it stays one segment."""
    scene.start(
        **{"config.service.endpoint": "contoso.configuration.azure-api.net//", "gateway.name": "=a/b"}
    )
    await anyio.sleep(1)
    (asked,) = scene.events(ConfigurationAsked)
    assert isinstance(asked, ConfigurationAsked)
    assert asked.url == "https://contoso.configuration.azure-api.net///gateways/%3Da%2Fb/snapshot"


def test_statuses_have_dot_nets_names() -> None:
    """As ApiException prints them."""
    assert [_status_name(status) for status in (401, 403, 404, 429, 500, 599)] == [
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "TooManyRequests",
        "InternalServerError",
        "599",
    ]
