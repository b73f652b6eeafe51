"""Every error that API Management answers: below ARM, and on the configuration API. One table each."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class ApimError(Struct, frozen=True):
    """`template` is filled by the caller's words; `source` names a document, an issue, or *ours*."""

    code: str
    status: int
    template: str
    label: Literal["documented", "observed", "assumed"]
    source: str


class ApimRefusedError(Exception):
    """An error on its way to the one place that renders it."""

    def __init__(
        self, error: ApimError, /, headers: Mapping[str, str] | None = None, **words: object
    ) -> None:
        self.error = error
        self.headers = dict(headers or {})
        self.message = error.template.format(**words)
        super().__init__(f"{error.code}: {self.message}")

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.error.code, "message": self.message, "details": None}}


# --- resources (below ARM)

_REST = "azure-rest-api-specs, Microsoft.ApiManagement"

PROVIDER_SECRET_WRONG = ApimError(
    "Unauthorized", 401, "Only Azure Resource Manager may call the resource provider.", "assumed", "ours",
)  # fmt: skip
SERVICE_NOT_FOUND = ApimError(
    "ResourceNotFound", 404,
    "The Resource 'Microsoft.ApiManagement/service/{service}' under resource group '{group}' was not found. "
    "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    "documented", "Microsoft's ARM common errors",
)  # fmt: skip
GATEWAY_NOT_FOUND = ApimError(
    "ResourceNotFound", 404, "Gateway not found.", "assumed", f"{_REST}; the text is ours",
)  # fmt: skip
OPERATION_NOT_FOUND = ApimError(
    "ResourceNotFound", 404, "Operation {operation!r} not found.", "assumed", "ours",
)  # fmt: skip
API_NOT_FOUND = ApimError(
    "ResourceNotFound", 404, "API not found.", "assumed", f"{_REST}; the text is ours",
)  # fmt: skip
PART_NOT_FOUND = ApimError(
    "ResourceNotFound", 404, "{noun} not found.", "assumed", f"{_REST}; the text is ours",
)  # fmt: skip
VALIDATION_ERROR = ApimError(
    "ValidationError", 400, "One or more fields contain incorrect values: {problem}", "observed", _REST,
)  # fmt: skip
IF_MATCH_MISSING = ApimError(
    "MissingOrIncorrectIfMatchHeader", 400, "The If-Match header is required: the entity's ETag, or *.",
    "assumed", f"{_REST} says that it is required; code and text are ours",
)  # fmt: skip
PRECONDITION_FAILED = ApimError(
    "PreconditionFailed", 412,
    "Resource was modified since last retrieval: the ETag is {current}.",
    "assumed", f"{_REST} gives the status; the text is ours",
)  # fmt: skip
CONTENT_TOO_LARGE = ApimError(
    "RequestContentTooLarge", 413, "The request content is longer than {limit} bytes.", "assumed", "ours",
)  # fmt: skip
METHOD_NOT_ALLOWED_IN_TIER = ApimError(
    "MethodNotAllowedInPricingTier", 400, "Method not allowed in {sku} pricing tier",
    "observed", "a public hands-on of the self-hosted gateway; the status is assumed",
)  # fmt: skip
NOT_SERVED = ApimError(
    "NotFound", 404, "The sandbox does not emulate '{method} {path}'.", "assumed", "ours",
)  # fmt: skip
DIRECTORY_UNAVAILABLE = ApimError(
    "ServiceUnavailable", 503, "Microsoft Entra could not be reached to {purpose}.",
    "assumed", "ours: only a fault can cause it",
)  # fmt: skip

# --- the configuration API: bodies are not public

_OURS = "ours: the configuration API's bodies are not public"

UNAUTHORIZED = ApimError(
    "Unauthorized", 401, "The request is not authenticated.", "observed",
    "a public hands-on saw Unauthorized for a bad gateway token; the body is ours",
)  # fmt: skip
FORBIDDEN = ApimError(
    "Forbidden", 403, "The request is not authorized.", "observed",
    "Azure/api-management-self-hosted-gateway#371 for the status; the body is ours",
)  # fmt: skip
UNKNOWN_SERVICE = ApimError(
    "ServiceNotFound", 404, "No API Management service has the host name '{host}'.", "assumed", _OURS,
)  # fmt: skip
UNKNOWN_GATEWAY = ApimError(
    "GatewayNotFound", 404, "The service has no gateway '{gateway}'.", "assumed", _OURS,
)  # fmt: skip
UNKNOWN_PATH = ApimError(
    "NotFound", 404, "Nothing is at '{path}'.", "assumed", _OURS,
)  # fmt: skip
METHOD_NOT_ALLOWED = ApimError(
    "MethodNotAllowed", 405, "'{method}' is not allowed here.", "assumed", _OURS,
)  # fmt: skip
SNAPSHOT_REQUIRED = ApimError(
    "SnapshotRequired", 410, "Events after {asked} are not kept; take a snapshot.", "assumed", _OURS,
)  # fmt: skip
LEGACY_RETIRED = ApimError(
    "BadRequest", 400,
    "Version 1 of the configuration API is retired: use https://{service}.configuration.azure-api.net.",
    "assumed", "retired on 2023-10-01 by Microsoft's migration guide; Azure/"
    "api-management-self-hosted-gateway#37 shows 400 (Bad Request) for another cause; the body is ours",
)  # fmt: skip
LEGACY_DISABLED = ApimError(
    "Forbidden", 403, "Version 1 of the configuration API is disabled (configurationApi.legacyApi).",
    "assumed", _OURS,
)  # fmt: skip
THROTTLED = ApimError(
    "TooManyRequests", 429, "More than {limit} requests in a minute; try again in {seconds} seconds.",
    "assumed", _OURS,
)  # fmt: skip
BAD_REQUEST = ApimError(
    "BadRequest", 400, "{problem}", "assumed", _OURS,
)  # fmt: skip
BODY_TOO_LARGE = ApimError(
    "RequestTooLarge", 413, "The body is longer than {limit} bytes.", "assumed", _OURS,
)  # fmt: skip
UNAVAILABLE = ApimError(
    "ServiceUnavailable", 503, "The service can't check the request now.", "assumed",
    "ours: only a fault can cause it",
)  # fmt: skip

ERRORS: tuple[ApimError, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, ApimError)
)
