"""First sync, polls, trouble and recovery."""

import anyio
import httpx
import pytest
from starlette.responses import JSONResponse, Response
from tests.sandbox.gateway.conftest import Scene

from apim_emulators.core.events import ConfigurationAsked, GatewayChanged, GatewayLogged
from apim_sandbox.gateway.settings import DEFAULT_VERSION

pytestmark = pytest.mark.anyio

FORBIDDEN = {"error": {"code": "Forbidden", "message": "No."}}


def changed(state: str, revision: str = "00000001", apis: tuple[str, ...] = ("echo-api",)) -> GatewayChanged:
    return GatewayChanged(
        "apim-gateway-wi", "apim-gateway-7c9f5", "on-prem", state, revision, apis, version=DEFAULT_VERSION
    )


async def test_the_start_prints_the_events_in_their_order(scene: Scene) -> None:
    """The order of a public log of a v2 gateway that starts."""
    scene.start()
    await anyio.sleep(1)

    assert scene.event_types() == [
        "ConfigStarted",
        "ConfigInitialSyncStarted",
        "LoadBackupLocationNotFound",
        "OperationRouteTableRebuildStarted",
        "OperationRouteTableRebuildCompleted",
        "EventSnapshotRestored",
        "EventsSuccessfullyRestored",
        "ConfigInitialSyncCompleted",
        "BootstrapperStarted",
        "TenantStarted",
    ]
    assert scene.events(GatewayChanged) == [changed("starting", "", ()), changed("ready")]


async def test_a_403_reads_as_in_the_report(scene: Scene) -> None:
    """A refused poll logs ConfigurationApiV2NotAvailable with an ApiException."""
    gateway = scene.start()
    await anyio.sleep(5)
    scene.sink.lines.clear()
    scene.api.trouble = lambda _: JSONResponse(FORBIDDEN, 403)
    await anyio.sleep(10)

    assert scene.sink.lines == [
        "[Warn] 2026-01-1T00:00:10.000 [ConfigurationApiV2NotAvailable], message: The configuration V2 API "
        "is not reachable on https://contoso.configuration.azure-api.net/gateways/on-prem/events"
        "?$top=100&$skiptoken=00000001, exception: Gateway.Configuration.Client.ApiException: "
        'StatusCode: Forbidden, Content: {"error":{"code":"Forbidden","message":"No."}}'
    ]
    assert gateway.state == "serving-from-memory"


async def test_a_refused_poll_leaves_the_configuration_in_force(scene: Scene) -> None:
    """Fails static, makes one attempt a poll, and recovers by itself."""
    gateway = scene.start()
    await anyio.sleep(5)
    before = gateway.configuration
    scene.api.trouble = lambda _: JSONResponse(FORBIDDEN, 403)
    await anyio.sleep(30)
    assert gateway.configuration is before
    polls = [event.status for event in scene.events(ConfigurationAsked) if event.operation == "events"]
    assert polls == [403, 403, 403]

    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    assert scene.events(GatewayChanged)[1:] == [
        changed("ready"),
        changed("serving-from-memory"),
        changed("ready"),
    ]


async def test_a_first_sync_that_is_refused_is_tried_again_every_10_seconds(scene: Scene) -> None:
    """Without a configuration and a backup the gateway waits for its right."""
    scene.api.trouble = lambda _: JSONResponse(FORBIDDEN, 403)
    gateway = scene.start()
    await anyio.sleep(25)
    assert (gateway.state, gateway.configuration) == ("starting", None)
    assert scene.event_types()[2:5] == [
        "LoadBackupLocationNotFound",
        "ConfigurationApiV2NotAvailable",
        "ConfigInitialSyncFailed",
    ]

    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    start = scene.api.times("snapshot")[0]
    assert scene.api.times("snapshot") == [start, start + 10, start + 20, start + 30]
    assert gateway.state == "ready"


async def test_a_token_failure_shows_the_aadsts_text(scene: Scene) -> None:
    """What Entra said stands in the gateway's own log line."""
    scene.entra.refusal = (
        401,
        {
            "error": "invalid_client",
            "error_description": "AADSTS700213: No matching federated identity record",
        },
    )
    scene.start()
    await anyio.sleep(1)

    (logged,) = [e for e in scene.events(GatewayLogged) if e.event_type == "ConfigurationApiV2NotAvailable"]
    assert logged.exception == (
        "Azure.Identity.AuthenticationFailedException: Microsoft Entra ID error '(invalid_client) "
        "AADSTS700213: No matching federated identity record'"
    )
    assert scene.api.arrived == []


async def test_changes_are_applied_in_their_order(scene: Scene) -> None:
    """What is put and deleted between two polls is seen at the second, and only what changed is rebuilt."""
    gateway = scene.start()
    await anyio.sleep(5)
    scene.api.put("apis/orders", {"name": "orders", "path": "orders"})
    scene.api.delete("apis/echo-api")
    await anyio.sleep(10)

    assert gateway.configuration is not None
    assert gateway.configuration.entities == {"apis/orders": {"name": "orders", "path": "orders"}}
    assert scene.events(GatewayChanged)[-1] == changed("ready", "00000003", ("orders",))


async def test_a_gateway_catches_up_on_everything_missed(scene: Scene) -> None:
    """More than a page of changes is fetched in one poll, page by page."""
    gateway = scene.start()
    await anyio.sleep(5)
    for number in range(250):
        scene.api.put(f"apis/a{number}", {"name": f"a{number}", "path": f"a{number}"})
    await anyio.sleep(10)

    assert gateway.configuration is not None
    assert gateway.configuration.entities == scene.api.entities
    assert len(scene.api.times("events")) == 3


async def test_a_feed_that_no_longer_reaches_back_makes_the_gateway_take_a_snapshot(scene: Scene) -> None:
    """410 is no trouble: the next request of the same poll is for the snapshot."""
    gateway = scene.start()
    await anyio.sleep(5)
    scene.api.put("apis/orders", {"name": "orders", "path": "orders"})
    scene.api.kept = 2
    await anyio.sleep(10)

    assert gateway.state == "ready"
    assert gateway.configuration is not None
    assert gateway.configuration.entities == scene.api.entities
    asked = [(event.operation, event.status) for event in scene.events(ConfigurationAsked)]
    assert asked == [("snapshot", 200), ("heartbeat", 204), ("events", 410), ("snapshot", 200)]


async def test_an_unknown_host_is_logged_as_such(scene: Scene) -> None:
    """ErrorResolvingHostname goes before the warning."""
    scene.start(**{"config.service.endpoint": "https://contso.configuration.azure-api.net"})
    await anyio.sleep(1)
    assert scene.event_types()[3:5] == ["ErrorResolvingHostname", "ConfigurationApiV2NotAvailable"]


async def test_an_answer_that_takes_longer_than_the_time_out_is_given_up(scene: Scene) -> None:
    """config.service.integration.timeout bounds the whole request; the next poll comes 10 s later."""

    async def slow(scope: object, receive: object, send: object) -> None:
        await anyio.sleep(60)
        await Response()(scope, receive, send)  # type: ignore[arg-type]

    scene.hosts["contoso.configuration.azure-api.net"] = slow  # type: ignore[assignment]
    scene.start(**{"config.service.integration.timeout": "00:00:05"})
    await anyio.sleep(6)

    (asked,) = scene.events(ConfigurationAsked)
    assert isinstance(asked, ConfigurationAsked)
    assert (asked.status, asked.error) == (
        None,
        "System.Threading.Tasks.TaskCanceledException: The request was canceled due to the configured "
        "HttpClient.Timeout of 5 seconds elapsing.",
    )


async def test_malformed_answers_change_nothing(scene: Scene) -> None:
    """A page that is no page is trouble like any other."""
    gateway = scene.start()
    await anyio.sleep(5)
    before = gateway.configuration
    for body in (
        b"<html>",
        b"[]",
        b'{"value":[],"nextSkipToken":"xyz"}',
        b'{"value":[{}],"nextSkipToken":"00000009"}',
    ):
        scene.api.trouble = lambda _, body=body: Response(body)  # type: ignore[misc]
        await anyio.sleep(10)
        assert (gateway.state, gateway.configuration) == ("serving-from-memory", before)


async def test_an_advanced_clock_brings_the_next_poll_at_once(scene: Scene) -> None:
    """Ten minutes on: one poll and one heartbeat, not sixty and ten."""
    scene.start()
    await anyio.sleep(5)
    scene.clock.advance(600)
    await anyio.sleep(1)
    assert len(scene.api.times("events")) == 1
    assert len(scene.api.times("heartbeat")) == 2


async def test_the_401_of_a_bad_token_makes_the_next_poll_ask_for_another(scene: Scene) -> None:
    """A token that the service does not take is not sent again."""
    scene.start()
    await anyio.sleep(5)
    scene.api.trouble = lambda _: JSONResponse({}, 401)
    await anyio.sleep(20)
    assert len(scene.entra.arrived) == 2
    scene.api.trouble = lambda _: None


async def test_stopping_is_journalled(scene: Scene) -> None:
    """The last state of a cancelled gateway is stopped."""
    scene.start()
    await anyio.sleep(5)
    scene.scope.cancel()
    await anyio.sleep(1)
    assert scene.events(GatewayChanged)[-1] == changed("stopped")


async def test_an_entra_that_cannot_be_reached_is_trouble_too(scene: Scene) -> None:
    """No answer at all from the authority is logged with httpx's reason."""
    del scene.hosts["login.microsoftonline.com"]
    scene.start()
    await anyio.sleep(1)
    (logged,) = [e for e in scene.events(GatewayLogged) if e.event_type == "ConfigurationApiV2NotAvailable"]
    assert logged.exception == (
        "Azure.Identity.AuthenticationFailedException: [Errno -2] Name or service not known"
    )
    assert isinstance(httpx.ConnectError("x"), httpx.TransportError)


async def test_an_authority_that_the_settings_do_not_take_is_said_once(scene: Scene) -> None:
    """Intermediates say nothing: they are trusted by their roots."""
    pem = {"thumbprint": "A", "certificate": "a certificate"}
    scene.api.entities["certificateAuthorities/root"] = pem | {"isTrusted": True}
    scene.api.entities["certificateAuthorities/intermediate"] = pem | {"isTrusted": False}
    scene.start()
    await anyio.sleep(60)
    said = [event for event in scene.events(GatewayLogged) if event.event_type.startswith("CertificateAuth")]
    assert [(one.event_type, one.message) for one in said] == [
        ("CertificateAuthorityNotTrusted", "root: 'certificates.local.ca.enabled' is not 'true'")
    ]
