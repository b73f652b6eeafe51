"""Every error of the sign-in endpoints: one table, rendered in one place.

The envelope is Entra's of since late 2023: single spaces before Trace ID, Correlation
ID and Timestamp. `error_uri` is sent only where it was seen, since it exists only for codes that
Microsoft's look-up page knows.
"""

# ruff: noqa: E501  messages and sources stand as they are, a row must not wrap differently from its text

from collections.abc import Mapping

from msgspec import Struct, field
from starlette.responses import Response

from apim_emulators.core.clock import utc
from apim_emulators.core.http import json_response
from apim_emulators.core.provenance import Label

_DOCS_WIF = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_DOCS_WIF_OLD = "https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation"
_BREAKING = "https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes#august-2024"
_CERTIFICATES = "https://learn.microsoft.com/entra/identity-platform/certificate-credentials"
_CHECK = (
    "check your federated identity credential Subject, Audience and Issuer against the presented assertion."
)
_NOT_INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant or "
    "consented to by any user in the tenant."
)
_CONFIGURED_KEYS = (
    "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for "
    "app Id '{app_id}'. Review the documentation at "
    "https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint "
    "and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to "
    "build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{app_id}'."
)


class ErrorSpec(Struct, frozen=True):
    """One refusal. `template` takes the values of its cause; `label` and `source` say how we know."""

    code: int
    error: str
    status: int
    template: str
    label: Label
    source: str
    error_uri: bool = False


class Cause(Struct, frozen=True):
    """Why a request is refused: our stable `name`, Entra's `code`, what its message tells."""

    name: str
    code: int
    values: Mapping[str, str] = field(default_factory=dict)


class Refusal(Struct, frozen=True):
    """A cause as its caller will see it."""

    spec: ErrorSpec
    cause: Cause
    description: str


_TABLE = (
    # --- about federated credentials
    ErrorSpec(
        70021, "invalid_client", 401,
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. "
        "Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. " + _DOCS_WIF_OLD,
        "observed", "external-secrets#2783 (401, 2023); Azure/azure-workload-identity#616 (400, 2022)", True,
    ),
    ErrorSpec(
        700211, "invalid_client", 401,
        "No matching federated identity record found for presented assertion issuer '{issuer}'. Please "
        + _CHECK + " " + _DOCS_WIF,
        "observed", "Azure/azure-workload-identity#1350, #1200",
    ),
    ErrorSpec(
        700212, "invalid_client", 401,
        "No matching federated identity record found for presented assertion audience '{audience}'. Please "
        + _CHECK + " " + _DOCS_WIF,
        "observed", "real JSON in a public test; the status follows 700211",
    ),
    ErrorSpec(
        700213, "invalid_client", 401,
        "No matching federated identity record found for presented assertion subject '{subject}'. "
        "Please " + _CHECK + " " + _DOCS_WIF,
        "observed", "Azure/login#482, #379; dotnet/maui#31978; the status follows 700211",
    ),
    ErrorSpec(
        7002121, "invalid_client", 401,
        "No matching federated identity record found for presented assertion audience '{audience}'. Please "
        + _CHECK + " " + _DOCS_WIF,
        "assumed", "third-party notes: 700212 for assertions that Entra issued",
    ),
    ErrorSpec(
        7002131, "invalid_client", 401,
        "No matching federated identity record found for presented assertion subject '{subject}' or no "
        "federated identity credential expression matched. Please check your federated identity credential "
        "Subject, Expression, Audience and Issuer against the presented assertion. " + _DOCS_WIF,
        "observed", "dotnet/dnceng#6455; the status follows 700211",
    ),
    ErrorSpec(
        7002137, "invalid_client", 401,
        "No matching federated identity record found for presented assertion subject '{subject}'. Please make "
        "sure the federated identity credential Subject is '{expected}'.",
        "observed", "microsoft/Agents#202",
    ),
    ErrorSpec(
        7002138, "invalid_client", 401,
        "No matching federated identity record found for presented assertion subject '{subject}'. The subject "
        "matches with case-insensitive comparison, but not with case-sensitive comparison. Check your "
        "federated identity credential Subject, Audience and Issuer against the presented assertion. See "
        "documentation at: " + _DOCS_WIF + ". See breaking change notification and remediation at: "
        + _BREAKING + ".",
        "observed", "Azure/login#515, #517; the status follows 700211",
    ),
    ErrorSpec(
        70025, "invalid_client", 401,
        "The client '{app_id}'({app_name}) has no configured federated identity credentials.",
        "observed", "troubleshooting notes of several public repositories; the status follows 700211",
    ),
    ErrorSpec(
        70023, "invalid_request", 400,
        "External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00. Token issued "
        "at {iat}. Token expires on {exp}.",
        "observed", "MicrosoftDocs/azure-docs#86915", True,
    ),
    ErrorSpec(
        700222, "invalid_client", 401,
        "AAD-issued tokens may not be used for federated identity flows.",
        "observed", "MicrosoftDocs/azure-docs#90276; Azure/azure-workload-identity#820",
    ),
    ErrorSpec(
        700223, "invalid_client", 401,
        "Only AAD-issued tokens may be used for first-party application federated identity flows.",
        "observed", "Azure/azure-workload-identity#1274",
    ),
    ErrorSpec(
        700226, "invalid_client", 401,
        "Only MSI tokens may be used as Federated Identity Credentials for AAD issuer.",
        "assumed", "third-party notes; the status follows 700222",
    ),
    ErrorSpec(
        700227, "invalid_client", 401,
        "Forbidden token audience.",
        "assumed", "third-party notes; the status follows 700222",
    ),
    ErrorSpec(
        700231, "invalid_client", 401,
        "Token obtained using another federated identity credential may not be used as federated identity "
        "credential.",
        "observed", "Azure/azure-workload-identity#1363; the status follows 700222",
    ),
    ErrorSpec(
        700236, "invalid_client", 401,
        "Entra ID tokens issued by issuer '{issuer}' may not be used for federated identity credential flows "
        "for applications or managed identities registered in this tenant.",
        "assumed", "third-party notes; the status follows 700222",
    ),
    ErrorSpec(
        7002381, "invalid_client", 401,
        "Federated identity credentials issued by '{issuer}' for applications or managed identities registered "
        "in this tenant must contain the enterprise claim with value {expected} but actual value is "
        "'{presented}'.",
        "observed", "several public repositories, 2026; the status follows 700222",
    ),
    ErrorSpec(
        700238, "invalid_client", 401,
        "Federated identity credentials issued by '{issuer}' may not be used for applications or managed "
        "identities registered in this tenant.",
        "assumed", "known by its number and its neighbour 7002381 alone; cause, text and status are ours",
    ),
    # --- about the assertion itself
    ErrorSpec(
        50027, "invalid_request", 400, "Invalid JWT token. {detail}",
        "observed", "public error texts; Azure/azure-sdk-for-rust's identity tests", True,
    ),
    ErrorSpec(
        5002727, "invalid_request", 400,
        "Invalid JWT header type specified. Allowed types: 'JWT','http://openid.net/specs/jwt/1.0'.",
        "observed", "public error texts; the status follows 50027",
    ),
    ErrorSpec(
        5002730, "invalid_request", 400,
        "Invalid JWT token. Unsupported key for the signing algorithm.",
        "observed", "AzureAD/microsoft-authentication-library-for-dotnet#4712; the status follows 50027",
    ),
    ErrorSpec(
        5002738, "invalid_request", 400,
        "Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing algorithms "
        "are: 'RS256, HS256'",
        "observed", "a public report of 2021; the status follows 50027", True,
    ),
    ErrorSpec(
        700024, "invalid_client", 401,
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from "
        "{not_before}, expiry time of assertion {expires}. Review the documentation at "
        + _CERTIFICATES + " .",
        "observed", "risingwave#17123; Azure/azure-workload-identity#693; Azure/login#180", True,
    ),
    ErrorSpec(
        700027, "invalid_client", 401,
        "Client assertion contains an invalid signature. [Reason - {reason}, " + _CONFIGURED_KEYS + "]",
        "observed", "public error texts; MSAL Python's documentation strings; the status follows 700024", True,
    ),
    ErrorSpec(
        7000272, "invalid_client", 401,
        "The certificate with identifier {identifier} used to sign the federated credential could not be found "
        "in the metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata "
        "exposes the key used to sign the incoming token.",
        "observed", "Azure/azure-workload-identity#1232; the status follows 700024", True,
    ),
    ErrorSpec(
        501661, "invalid_request", 400, "Request to External OIDC endpoint failed.",
        "observed", "Azure/login#283; Azure/AKS#4029; which of three codes answers which cause is assumed",
    ),
    ErrorSpec(
        50166, "invalid_request", 400, "Request to External OIDC endpoint failed.",
        "observed", "Azure/azure-workload-identity#1130; which of three codes answers which cause is assumed",
    ),
    ErrorSpec(
        90061, "invalid_request", 400, "Request to External OIDC endpoint failed.",
        "observed", "Azure/azure-workload-identity#605; which of three codes answers which cause is assumed",
    ),
    ErrorSpec(
        700021, "invalid_client", 401,
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation "
        "at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        "observed", "MSAL .NET's tests", True,
    ),
    ErrorSpec(
        700023, "invalid_client", 401,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at "
        "https://learn.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.",
        "documented", "Microsoft's troubleshooting page on client assertions", True,
    ),
    # --- about client, tenant, request, resource and service
    ErrorSpec(
        700016, "unauthorized_client", 400,
        "Application with identifier '{app_id}' was not found in the directory '{tenant_name}'. "
        + _NOT_INSTALLED + " You may have sent your authentication request to the wrong tenant.",
        "observed", "secrets-store-csi-driver's troubleshooting page", True,
    ),
    ErrorSpec(
        700011, "unauthorized_client", 400,
        "Application with identifier {app_id} was not found in the directory.",
        "assumed",
        "Microsoft's error codes name it UnauthorizedClientAppNotFoundInOrgIdTenant; that it takes 700016's place "
        "in a tenant of that kind, and the status, are assumed",
    ),
    ErrorSpec(
        700038, "unauthorized_client", 400,
        "{app_id} is not a valid application identifier.",
        "observed", "a public capture of a real tenant, 2026-08-13",
    ),
    ErrorSpec(
        7000229, "invalid_client", 401,
        "The client application {app_id} is missing service principal in the tenant {tenant_id}. See "
        "instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
        "observed", "Azure/azure-sdk-for-net#46762; Azure/Commercial-Marketplace-SaaS-Accelerator#830", True,
    ),
    ErrorSpec(
        7000112, "unauthorized_client", 400, "Application '{app_id}'({app_name}) is disabled.",
        "documented", "Microsoft's error codes: UnauthorizedClientApplicationDisabled; the status is assumed",
        True,
    ),
    ErrorSpec(
        90002, "invalid_request", 400,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
        "the correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
        "observed", "recorded answers of 2023 and 2024", True,
    ),
    ErrorSpec(
        900023, "invalid_request", 400,
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
        "observed", "MSAL .NET's tests", True,
    ),
    ErrorSpec(
        9001023, "invalid_request", 400,
        "The grant type isn't supported over the /common or /consumers endpoints. Please use the "
        "/organizations or tenant-specific endpoint.",
        "documented", "Microsoft's error codes; the status is assumed",
    ),
    ErrorSpec(
        50059, "invalid_request", 400,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
        "documented", "Microsoft's error codes: MissingTenantRealmAndNoUserInformationProvided", True,
    ),
    ErrorSpec(
        900144, "invalid_request", 400, "The request body must contain the following parameter: '{parameter}'.",
        "observed", "many public reports", True,
    ),
    ErrorSpec(
        9000411, "invalid_request", 400,
        "The request is not properly formatted. The parameter '{parameter}' is duplicated.",
        "observed", "MicrosoftDocs/azure-dev-docs#934; Azure/azure-sdk-for-java#31733",
    ),
    ErrorSpec(
        7000216, "invalid_client", 401,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        "observed", "the text in public snippets; the status is assumed",
    ),
    ErrorSpec(
        70003, "unsupported_grant_type", 400, "The app requested an unsupported grant type '{grant}'.",
        "observed", "public captures of 2024-03-18 and 2026-08-13",
    ),
    ErrorSpec(
        900561, "invalid_request", 405,
        "The endpoint only accepts POST, OPTIONS requests. Received a {verb} request.",
        "documented", "Microsoft's error codes; the status is assumed",
    ),
    ErrorSpec(
        90015, "invalid_request", 400, "The query string is too long.",
        "assumed", "Microsoft's error codes name it QueryStringTooLong; the limit and the status are assumed",
    ),
    ErrorSpec(
        9002313, "invalid_request", 400, "Invalid request. Request is malformed or invalid.",
        "documented", "Microsoft's error codes; the status is assumed", True,
    ),
    ErrorSpec(
        1002012, "invalid_scope", 400,
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
        "with /.default suffixed to the resource identifier (application ID URI).",
        "observed", "msgraph-sdk-python#181; MSAL Go's oauth.go",
    ),
    ErrorSpec(
        70011, "invalid_scope", 400,
        "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
        "documented", "Microsoft's client-credentials page",
    ),
    ErrorSpec(
        700022, "invalid_scope", 400,
        "The provided value for the input parameter scope isn't valid because it contains more than one "
        "resource.",
        "documented", "Microsoft's error codes: InvalidMultipleResourcesScope; the status is assumed",
    ),
    ErrorSpec(
        500011, "invalid_resource", 400,
        "The resource principal named {resource} was not found in the tenant named {tenant_name}. "
        + _NOT_INSTALLED + " You might have sent your authentication request to the wrong tenant.",
        "observed", "azure-cli#30491; azure-sdk-for-python#35951", True,
    ),
    ErrorSpec(
        50001, "invalid_resource", 400,
        "The resource principal named {resource} is disabled.",
        "documented", "Microsoft's error codes: InvalidResource; text and status are assumed", True,
    ),
    ErrorSpec(
        501051, "invalid_grant", 400,
        "Application '{app_id}'({app_name}) is not assigned to a role for the application "
        "'{resource}'({resource_name}).",
        "assumed", "Microsoft's client-credentials page names the rule; code, text and status are assumed",
    ),
    ErrorSpec(
        700025, "invalid_client", 401,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        "documented", "Microsoft's error codes; the status is assumed", True,
    ),
    ErrorSpec(
        7000215, "invalid_client", 401,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        "value, not the client secret ID, for a secret added to app '{app_id}'.",
        "observed", "many public reports; a public capture of 2026-08-13", True,
    ),
    ErrorSpec(
        7000222, "invalid_client", 401,
        "The provided client secret keys for app '{app_id}' are expired. Visit the Azure portal to create new "
        "keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for "
        "added security: https://aka.ms/certCreds.",
        "observed", "many public reports", True,
    ),
    ErrorSpec(
        53003, "invalid_grant", 400,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token "
        "issuance.",
        "documented", "Microsoft's error codes; error and status for app-only sign-in are assumed", True,
    ),
    ErrorSpec(
        90033, "temporarily_unavailable", 503, "A transient error has occurred. Please try again.",
        "observed", "azure-sdk-for-python#14241", True,
    ),
    ErrorSpec(
        90024, "temporarily_unavailable", 503, "A transient error has occurred. Try again.",
        "assumed", "Microsoft's error codes name it RequestBudgetExceededError; error and status are assumed",
    ),
    ErrorSpec(
        90055, "temporarily_unavailable", 429,
        "There are too many incoming requests. This exception is thrown for blocked tenants.",
        "assumed", "Microsoft's error codes name it TenantThrottlingError; error and status are assumed",
    ),
    ErrorSpec(
        7000218, "invalid_client", 401,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "assumed", "MSAL .NET's MockHelpers (the text); error and status are assumed",
    ),
    ErrorSpec(
        50196, "invalid_grant", 400,
        "The server terminated an operation because it encountered a client request loop. Please contact your "
        "app vendor.",
        "observed", "AzureAD/MSAL.PS#28", True,
    ),
    ErrorSpec(
        50049, "invalid_instance", 400, "Unknown or invalid instance.",
        "observed", "MSAL .NET's TestConstants", True,
    ),
)  # fmt: skip

ERRORS: Mapping[int, ErrorSpec] = {spec.code: spec for spec in _TABLE}

TOKEN_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store, no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "p3p": 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
}


def refusal(cause: Cause) -> Refusal:
    """`cause` with its row of the table and its message, still without ids."""
    spec = ERRORS[cause.code]
    text = spec.template.format_map(_Values(cause.values)).strip()
    return Refusal(spec, cause, f"AADSTS{spec.code}: {text}")


def render(
    refused: Refusal,
    *,
    now: float,
    trace_id: str,
    correlation_id: str,
    status: int | None = None,
    error: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Entra's error body. `status` and `error` override the table's where an endpoint differs."""
    spec = refused.spec
    timestamp = utc(now).strftime("%Y-%m-%d %H:%M:%SZ")
    body: dict[str, object] = {
        "error": error or spec.error,
        "error_description": (
            f"{refused.description} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
        ),
        "error_codes": [spec.code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    }
    if spec.error_uri:
        body["error_uri"] = f"https://login.microsoftonline.com/error?code={spec.code}"
    answer = json_response(
        body, status or spec.status, {**TOKEN_HEADERS, "x-ms-request-id": trace_id, **(headers or {})}
    )
    answer.headers["x-sandbox-provenance"] = f"{spec.label}; id=entra.error.{spec.code}"
    return answer


class _Values(dict[str, str]):
    """Values of a message; a name that the cause does not give stays empty."""

    def __missing__(self, key: str) -> str:
        return ""
