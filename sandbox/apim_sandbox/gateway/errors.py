"""Every error that the data plane answers: status, text, source."""

import msgspec
from msgspec import Struct
from starlette.responses import Response

from apim_emulators.core.provenance import HEADER, Behaviour


class DataPlaneError(Struct, frozen=True):
    status: int
    message: str
    behaviour: Behaviour


NOT_FOUND = DataPlaneError(
    404,
    "Resource not found",
    Behaviour(
        id="gateway.dataplane.not-found",
        label="documented",
        statement="a request for no API and operation gets 404 'Resource not found'",
        source="Microsoft's error handling in API Management policies (OperationNotFound)",
        witness="tests/sandbox/gateway/test_dataplane.py::test_a_path_of_no_api_is_not_found",
    ),
)
KEY_MISSING = DataPlaneError(
    401,
    "Access denied due to missing subscription key. Make sure to include subscription key when making "
    "requests to an API.",
    Behaviour(
        id="gateway.dataplane.subscription-key-missing",
        label="documented",
        statement="an API that requires a subscription answers 401 without a key",
        source="Microsoft's error handling in API Management policies (SubscriptionKeyNotFound)",
        witness="tests/sandbox/gateway/test_dataplane.py::test_a_subscription_key_is_required_where_the_api_says_so",
    ),
)
KEY_INVALID = DataPlaneError(
    401,
    "Access denied due to invalid subscription key. Make sure to provide a valid key for an active "
    "subscription.",
    Behaviour(
        id="gateway.dataplane.subscription-key-invalid",
        label="documented",
        statement="a subscription key that fits no active subscription for the API gets 401",
        source="Microsoft's error handling in API Management policies (SubscriptionKeyInvalid)",
        witness="tests/sandbox/gateway/test_dataplane.py::test_a_subscription_key_is_required_where_the_api_says_so",
    ),
)
BACKEND_FAILED = DataPlaneError(
    500,
    "Internal server error",
    Behaviour(
        id="gateway.dataplane.backend-failed",
        label="documented",
        statement="a back end that can't be reached or does not answer in time gives a 500",
        source="Microsoft's error handling in API Management policies (BackendConnectionFailure)",
        witness="tests/sandbox/gateway/test_dataplane.py::test_a_back_end_that_is_away_is_a_500",
    ),
)
NOT_CONFIGURED = DataPlaneError(
    503,
    "Service unavailable",
    Behaviour(
        id="gateway.dataplane.not-configured",
        label="documented",
        statement="before it has a configuration the gateway answers 503",
        source="Microsoft's guide to running the gateway in production; self-hosted-gateway#418",
        witness="tests/sandbox/gateway/test_dataplane.py::test_nothing_is_served_before_the_first_configuration",
    ),
)


def render(error: DataPlaneError, headers: dict[str, str] | None = None) -> Response:
    """The body as Azure spells it: `{ "statusCode": 404, "message": "Resource not found" }`."""
    message = msgspec.json.encode(error.message).decode()
    body = f'{{ "statusCode": {error.status}, "message": {message} }}'
    return Response(
        body,
        error.status,
        {HEADER: error.behaviour.header, **(headers or {})},
        media_type="application/json",
    )
