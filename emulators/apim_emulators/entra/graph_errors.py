"""Every error of Microsoft Graph: one table, rendered in one place."""

from collections.abc import Mapping

from msgspec import Struct
from starlette.responses import Response

from apim_emulators.core.clock import utc
from apim_emulators.core.http import json_response
from apim_emulators.core.provenance import HEADER, Label


class GraphErrorSpec(Struct, frozen=True):
    """One refusal of Graph; `template` takes named values."""

    name: str
    code: str
    status: int
    template: str
    label: Label
    source: str


_REFERENCE = "Microsoft Graph's error reference"
_NOTE = "a republished support note"

_TABLE = (
    GraphErrorSpec(
        "token-missing", "InvalidAuthenticationToken", 401, "Access token is empty.", "observed",
        "many public reports",
    ),
    GraphErrorSpec(
        "token-refused", "InvalidAuthenticationToken", 401, "{detail}", "documented", _REFERENCE,
    ),
    GraphErrorSpec(
        "denied", "Authorization_RequestDenied", 403,
        "Insufficient privileges to complete the operation.", "documented", _REFERENCE,
    ),
    GraphErrorSpec(
        "not-found", "Request_ResourceNotFound", 404,
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present.",
        "documented", _REFERENCE,
    ),
    GraphErrorSpec(
        "no-segment", "BadRequest", 400, "Resource not found for the segment '{segment}'.", "observed",
        "many public reports",
    ),
    GraphErrorSpec(
        "method", "Request_BadRequest", 405, "Specified HTTP method is not allowed for the request target.",
        "assumed", _REFERENCE,
    ),
    GraphErrorSpec("bad-request", "Request_BadRequest", 400, "{detail}", "documented", _REFERENCE),
    GraphErrorSpec(
        "bad-body", "BadRequest", 400, "Unable to read JSON request payload. {detail}", "observed",
        "many public reports",
    ),
    GraphErrorSpec(
        "body-too-large", "RequestBodyTooLarge", 413, "The request body is too large.", "assumed", "ours",
    ),
    GraphErrorSpec(
        "bad-filter", "BadRequest", 400, "Invalid filter clause: {detail}", "observed", "many public reports",
    ),
    GraphErrorSpec(
        "unsupported-query", "Request_UnsupportedQuery", 400,
        "Unsupported or invalid query filter clause specified for property '{property}' of resource "
        "'{resource}'.", "observed", "many public reports",
    ),
    GraphErrorSpec(
        "same-key", "Request_MultipleObjectsWithSameKeyValue", 409, "{detail}", "observed",
        "Azure/azure-workload-identity's cloud package; the status from a support note",
    ),
    GraphErrorSpec(
        "credential-value", "InvalidFederatedIdentityCredentialValue", 400, "{detail}", "observed",
        "Azure/azure-workload-identity#434",
    ),
    GraphErrorSpec(
        "too-many-credentials", "Directory_ResourceSizeExceeded", 403,
        "The size of the object has exceeded its limit. Please reduce the number of values and retry your "
        "request.", "assumed", _NOTE,
    ),
    GraphErrorSpec(
        "immutable", "Request_BadRequest", 400, "Property {property} is immutable and cannot be changed.",
        "assumed", _NOTE,
    ),
    GraphErrorSpec(
        "me", "BadRequest", 400, "/me request is only valid with delegated authentication flow.", "observed",
        "many public reports",
    ),
)  # fmt: skip

GRAPH_ERRORS: Mapping[str, GraphErrorSpec] = {spec.name: spec for spec in _TABLE}


class GraphError(Exception):
    """A refusal by its name in the table, with the values of its message."""

    def __init__(self, name: str, **values: str) -> None:
        self.spec = GRAPH_ERRORS[name]
        self.message = self.spec.template.format_map(values)
        super().__init__(self.message)


def render(error: GraphError, *, now: float, request_id: str, client_request_id: str) -> Response:
    """Graph's error body with its ids."""
    body = {
        "error": {
            "code": error.spec.code,
            "message": error.message,
            "innerError": {
                "date": utc(now).strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        }
    }
    headers = {
        "request-id": request_id,
        "client-request-id": client_request_id,
        HEADER: f"{error.spec.label}; id=graph.error.{error.spec.name}",
    }
    if error.spec.status == 401:
        headers["www-authenticate"] = (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
            'client_id="00000003-0000-0000-c000-000000000000"'
        )
    return json_response(body, error.spec.status, headers)
