"""How sure we are of what API Management does here (see `core.provenance`)."""

from apim_emulators.core.provenance import Behaviour

_APP = "tests/emulators/apim/test_app.py"
_ACCESS = "tests/emulators/apim/test_access.py"

EVENTS = Behaviour(
    "apim-events",
    "observed",
    "GET /gateways/{name}/events?$top=100&$skiptoken={8 hex digits} polls for changes; the body is assumed",
    "Azure/api-management-self-hosted-gateway#328 and #371 (URL and token form)",
    f"{_APP}::test_events_after_a_revision_are_the_changes_since",
)
SNAPSHOT = Behaviour(
    "apim-snapshot",
    "assumed",
    "GET /gateways/{name}/snapshot gives every entity at a revision, gzipped",
    "that a snapshot exists is in public logs; its path and body are not",
    f"{_APP}::test_a_snapshot_holds_the_gateway_and_its_apis",
)
HEARTBEAT = Behaviour(
    "apim-heartbeat",
    "assumed",
    "POST /gateways/{name}/heartbeat tells that an instance lives",
    "the period of a minute is documented; path and body are not",
    f"{_APP}::test_a_heartbeat_makes_an_instance_known",
)
COMPACTION = Behaviour(
    "apim-compaction",
    "assumed",
    "a skiptoken older than the feed, or newer, is answered 410: take a snapshot",
    "ours: what the service does is not public",
    f"{_APP}::test_a_skiptoken_behind_the_feed_gets_410",
)
SLASHES = Behaviour(
    "apim-slashes",
    "observed",
    "repeated slashes in the path count as one",
    "Azure/api-management-self-hosted-gateway#328",
    f"{_APP}::test_repeated_slashes_count_as_one",
)
FORBIDDEN = Behaviour(
    "apim-forbidden",
    "observed",
    "a principal without the data action gets a plain 403",
    "Azure/api-management-self-hosted-gateway#371",
    f"{_ACCESS}::test_a_principal_without_the_reader_role_is_refused",
)
VALIDATOR = Behaviour(
    "apim-validator",
    "assumed",
    "a service whose own identity may not read RBAC answers the same plain 403",
    "the role is documented as needed; the symptom of its absence is not public",
    f"{_ACCESS}::test_a_service_that_may_not_read_rbac_refuses_everybody",
)
OPERATIONS = Behaviour(
    "apim-operations",
    "documented",
    "a write of a service that takes time names its operation in Azure-AsyncOperation and Location",
    "Microsoft's page on ARM's asynchronous operations; API Management's changes of May 2025",
    "tests/emulators/apim/test_operations.py::test_a_service_is_made_followed_and_deleted",
)
DEFINITIONS = Behaviour(
    "apim-definitions",
    "assumed",
    "role definitions and deny assignments are kept for a minute, role assignments are read every time; "
    "nobody is refused on what was kept",
    "ours: what the service keeps is not public",
    f"{_ACCESS}::test_role_definitions_are_kept_for_a_minute",
)
UNAUTHORIZED = Behaviour(
    "apim-unauthorized",
    "assumed",
    "a token that is missing, malformed, expired, for another audience or badly signed gets 401",
    "the audience is documented; the answer is not",
    f"{_APP}::test_every_broken_token_is_refused_with_401",
)
UNKNOWN_GATEWAY = Behaviour(
    "apim-unknown-gateway",
    "assumed",
    "an unknown gateway is answered 404, before RBAC is asked",
    "ours: the code is not public",
    f"{_APP}::test_an_unknown_gateway_is_404",
)
GATEWAY_TOKEN = Behaviour(
    "apim-gateway-token",
    "assumed",
    "Authorization: GatewayKey {id}&{yyyyMMddHHmm}&{base64 HMAC-SHA512 over id, newline, expiry}",
    "the three parts are documented; header and signature are not",
    "tests/emulators/apim/test_gateway_tokens.py::test_a_token_holds_for_its_gateway_until_its_expiry",
)

TOKEN_EVENTS = Behaviour(
    "apim-gateway-token-events",
    "assumed",
    "GatewayTokenNearExpiry (7 days before) and GatewayTokenExpired are published once a token, at its next "
    "use",
    "Event Grid's schema for API Management names the events; when they are sent is not public, 7 days is "
    "when Azure Advisor warns",
    f"{_APP}::test_a_gateway_token_near_its_end_and_past_it_is_told_to_event_grid",
)
THROTTLED = Behaviour(
    "apim-throttled",
    "assumed",
    "more requests in a minute than the setting allows are answered 429 with Retry-After",
    "ours: whether and how the service throttles gateways is not public",
    f"{_APP}::test_too_many_requests_in_a_minute_are_throttled",
)
LEGACY = Behaviour(
    "apim-legacy",
    "assumed",
    "version 1's host answers 400 (retired), and 403 where configurationApi.legacyApi is Disabled",
    "the retirement and the switch are documented; the answers are not",
    f"{_APP}::test_version_1_answers_nobody",
)
HOSTS = Behaviour(
    "apim-hosts",
    "documented",
    "a service's configuration endpoint also answers on the host names of type ConfigurationApi",
    "Microsoft's custom domains for API Management",
    f"{_APP}::test_a_custom_host_name_reaches_its_service",
)
HOSTNAMES = Behaviour(
    "apim-gateway-hostnames",
    "documented",
    "a gateway's hostname configurations name a certificate of the service, by its id or by "
    "/certificates/{name}; the gateway is told of both",
    "azure-rest-api-specs: Gateway Hostname Configuration; that a name can be had once is ours",
    "tests/emulators/apim/test_parts.py::test_a_host_name_of_a_gateway_is_made_changed_and_deleted",
)
AUTHORITIES = Behaviour(
    "apim-gateway-authorities",
    "documented",
    "a gateway's certificate authorities are certificates of the service, by name, trusted or not; the "
    "gateway is told of them without a key",
    "azure-rest-api-specs: Gateway Certificate Authority; what the gateway is told is ours",
    "tests/emulators/apim/test_parts.py::test_a_certificate_authority_of_a_gateway_is_told_without_its_key",
)
INSTANCES = Behaviour(
    "apim-instances",
    "assumed",
    "ARM shows a gateway's instances as properties.heartbeat in api-versions before 2019-12-01 alone",
    "microsoft/vscode-apimanagement's contracts have properties.heartbeat; later specifications do not; its "
    "members are ours",
    "tests/emulators/apim/test_resources.py::test_instances_are_shown_in_the_old_preview",
)

BEHAVIOURS: tuple[Behaviour, ...] = (
    EVENTS, SNAPSHOT, HEARTBEAT, COMPACTION, SLASHES, FORBIDDEN, VALIDATOR, UNAUTHORIZED, UNKNOWN_GATEWAY,
    GATEWAY_TOKEN, TOKEN_EVENTS, THROTTLED, LEGACY, HOSTS, HOSTNAMES, AUTHORITIES, INSTANCES,
)  # fmt: skip
