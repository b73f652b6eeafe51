"""Every code is reached by its cause, and the whole answer is compared."""

# ruff: noqa: E501  messages stand as they travel

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from apim_emulators.core.faults import ActorFaults, Faults, Planned, make_fault
from apim_emulators.core.journal import ActorJournal
from apim_emulators.core.keys import signing_key
from apim_emulators.core.vocabulary import ClientId, Issuer, Subject
from apim_emulators.entra.app import create_app
from apim_emulators.entra.certificates import self_signed
from apim_emulators.entra.errors import ERRORS
from apim_emulators.entra.model import ServicePrincipal, Tenant

from .causes import ENTRA_ISSUER, FOREIGN_TENANT, MI, ORDERS, OTHER_APP, Ask
from .conftest import APP, APP_OBJECT, ISSUER, PRINCIPAL, SUBJECT, TENANT, Entra

pytestmark = pytest.mark.anyio

Arrange = Callable[[Entra], Awaitable[httpx.Response]]
MI_CLIENT = ClientId("cccccccc-cccc-4ccc-8ccc-cccccccccccc")
WIF = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
CHECK = (
    "Please check your federated identity credential Subject, Audience and Issuer against the presented "
    f"assertion. {WIF}"
)
NO_MATCH = "No matching federated identity record found for presented assertion"
INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented "
    "to by any user in the tenant."
)
CERTIFICATES = (
    "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials"
)


def from_table(kind: str, name: str) -> Arrange:
    """The cause called `name` of the orders' table, alone."""

    async def arrange(entra: Entra) -> httpx.Response:
        ask = Ask(entra, kind)
        next(each for each in ORDERS[kind] if each.name == name).apply(ask)
        return await ask.send()

    return arrange


async def generic_no_match(entra: Entra) -> httpx.Response:
    entra.configure(no_match="2023")
    return await entra.ask(client_assertion=entra.assertion(sub="somebody"))


async def identity_token(entra: Entra, tenant: str = TENANT, **changes: Any) -> str:
    """A managed identity's token for the token exchange, got from this very Entra."""
    key = signing_key(entra.directory._keys.rsa("identity"))
    principal = ServicePrincipal(MI, MI_CLIENT, tenant, "identity", "ManagedIdentity")  # type: ignore[arg-type]
    entra.directory.put_service_principal(replace(principal, **changes))
    entra.directory.add_certificate(MI, self_signed(key.private, "identity"), key_id="key")
    ask = Ask(entra, "certificate", path=f"/{tenant}/oauth2/v2.0/token")
    ask.key = key
    ask.form.update(client_id=MI_CLIENT, scope="api://AzureADTokenExchange/.default")
    thumbprint = entra.directory.list_certificates(MI)[0].thumbprint
    ask.header.update(x5t=thumbprint)
    ask.claims.update(
        iss=MI_CLIENT, sub=MI_CLIENT, aud=f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    )
    answer = await ask.send()
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def trust_entra(entra: Entra, subject: str = MI, issuer: str = ENTRA_ISSUER, **changes: Any) -> None:
    entra.credential("entra", issuer=Issuer(issuer), subject=Subject(subject), **changes)


async def entra_audience(entra: Entra) -> httpx.Response:
    trust_entra(entra, audiences=("api://somewhere-else",))
    return await entra.ask(client_assertion=await identity_token(entra))


async def entra_subject(entra: Entra) -> httpx.Response:
    trust_entra(entra, subject=PRINCIPAL)
    return await entra.ask(client_assertion=await identity_token(entra))


async def entra_untrusted(entra: Entra) -> httpx.Response:
    return await entra.ask(client_assertion=await identity_token(entra))


async def entra_application_token(entra: Entra) -> httpx.Response:
    trust_entra(entra)
    ask = Ask(entra, "secret")
    ask.form["scope"] = "api://AzureADTokenExchange/.default"
    return await entra.ask(client_assertion=(await ask.send()).json()["access_token"])


async def entra_v1_token(entra: Entra) -> httpx.Response:
    return await entra.ask(client_assertion=(await Ask(entra, "secret").send()).json()["access_token"])


async def entra_federated_token(entra: Entra) -> httpx.Response:
    trust_entra(entra)
    first = await entra.ask(scope="api://AzureADTokenExchange/.default")
    return await entra.ask(client_assertion=first.json()["access_token"])


async def entra_other_tenant(entra: Entra) -> httpx.Response:
    entra.directory.put_tenant(Tenant(FOREIGN_TENANT, "fabrikam.com"))
    tenant = entra.directory.find_tenant(TENANT)
    assert tenant is not None
    entra.directory.put_tenant(replace(tenant, cross_tenant_federation=False))
    trust_entra(entra, issuer=f"https://login.microsoftonline.com/{FOREIGN_TENANT}/v2.0")
    return await entra.ask(client_assertion=await identity_token(entra, FOREIGN_TENANT))


async def unknown_instance(entra: Entra) -> httpx.Response:
    return await entra.http.get(
        "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://evil.test/common/oauth2/authorize"
    )


async def client_loop(entra: Entra) -> httpx.Response:
    entra.configure(loop_limit=2)
    form = entra.form()
    answers = [await entra.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    return answers[-1]


async def throttled(entra: Entra) -> httpx.Response:
    entra.configure(rate_limit=1, rate_answer="json")
    await entra.ask()
    answer = await entra.ask()
    assert answer.headers["retry-after"] == "60"
    return answer


async def password_grant(entra: Entra) -> httpx.Response:
    form = {"grant_type": "password", "client_id": APP, "scope": "openid", "username": "u", "password": "p"}
    return await entra.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)


async def budget(entra: Entra) -> httpx.Response:
    return await outage(entra, 90024)


async def outage(entra: Entra, code: int = 90033) -> httpx.Response:
    faults = Faults()
    faults.add(Planned("outage", "entra", make_fault("entra-transient", retry_after=5, code=code)))
    journal = ActorJournal(entra.journal, "entra", entra.clock)
    broken = ActorFaults(faults, "entra", entra.clock, entra.clock, journal)
    app = create_app(replace(entra.context, faults=broken), entra.directory)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://login.microsoftonline.com") as http:
        answer = await http.post(f"/{TENANT}/oauth2/v2.0/token", data=entra.form())
    assert answer.headers["retry-after"] == "5"
    return answer


# code: how it is caused, HTTP status, OAuth error, text, whether error_uri is sent
CASES: dict[int, tuple[Arrange, int, str, str, bool]] = {
    70021: (
        generic_no_match, 401, "invalid_client",
        f"{NO_MATCH}. Assertion Issuer: '{ISSUER}'. Assertion Subject: 'somebody'. Assertion Audience: "
        "'api://AzureADTokenExchange'. https://docs.microsoft.com/en-us/azure/active-directory/develop/"
        "workload-identity-federation", True,
    ),
    700211: (from_table("federated", "issuer"), 401, "invalid_client", f"{NO_MATCH} issuer '{ISSUER}/'. {CHECK}", False),
    700212: (
        from_table("federated", "audience"), 401, "invalid_client",
        f"{NO_MATCH} audience 'https://kubernetes.default.svc'. {CHECK}", False,
    ),
    700213: (from_table("federated", "subject"), 401, "invalid_client", f"{NO_MATCH} subject '{SUBJECT}s'. {CHECK}", False),
    7002121: (
        entra_audience, 401, "invalid_client",
        f"{NO_MATCH} audience 'fb60f99c-7a34-4190-8149-302f77469936'. {CHECK}", False,
    ),
    7002131: (
        from_table("federated", "expression"), 401, "invalid_client",
        f"{NO_MATCH} subject '{SUBJECT}' or no federated identity credential expression matched. Please check your "
        "federated identity credential Subject, Expression, Audience and Issuer against the presented assertion. "
        f"{WIF}", False,
    ),
    7002137: (
        entra_subject, 401, "invalid_client",
        f"{NO_MATCH} subject '{MI}'. Please make sure the federated identity credential Subject is '{PRINCIPAL}'.", False,
    ),
    7002138: (
        from_table("federated", "subject case"), 401, "invalid_client",
        f"{NO_MATCH} subject '{SUBJECT.upper()}'. The subject matches with case-insensitive comparison, but not with "
        "case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against "
        f"the presented assertion. See documentation at: {WIF}. See breaking change notification and remediation at: "
        "https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes#august-2024.", False,
    ),
    70025: (
        from_table("federated", "no credentials"), 401, "invalid_client",
        f"The client '{APP}'(apim-gateway) has no configured federated identity credentials.", False,
    ),
    70023: (
        from_table("federated", "lifetime"), 400, "invalid_request",
        "External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00. Token issued at 0. "
        "Token expires on 1767229200.", True,
    ),
    700222: (
        entra_untrusted, 401, "invalid_client",
        "AAD-issued tokens may not be used for federated identity flows.", False,
    ),
    700223: (
        from_table("federated", "first party"), 401, "invalid_client",
        "Only AAD-issued tokens may be used for first-party application federated identity flows.", False,
    ),
    700226: (
        entra_application_token, 401, "invalid_client",
        "Only MSI tokens may be used as Federated Identity Credentials for AAD issuer.", False,
    ),
    700227: (entra_v1_token, 401, "invalid_client", "Forbidden token audience.", False),
    700231: (
        entra_federated_token, 401, "invalid_client",
        "Token obtained using another federated identity credential may not be used as federated identity credential.",
        False,
    ),
    700236: (
        entra_other_tenant, 401, "invalid_client",
        f"Entra ID tokens issued by issuer 'https://login.microsoftonline.com/{FOREIGN_TENANT}/v2.0' may not be used "
        "for federated identity credential flows for applications or managed identities registered in this tenant.",
        False,
    ),
    700238: (
        from_table("federated", "issuer not allowed"), 401, "invalid_client",
        f"Federated identity credentials issued by '{ISSUER}' may not be used for applications or managed identities "
        "registered in this tenant.", False,
    ),
    7002381: (
        from_table("federated", "issuer policy"), 401, "invalid_client",
        f"Federated identity credentials issued by '{ISSUER}' for applications or managed identities registered in "
        "this tenant must contain the enterprise claim with value contoso but actual value is ''.", False,
    ),
    50027: (
        from_table("federated", "not a JWT"), 400, "invalid_request", "Invalid JWT token. Token format not valid.", True,
    ),
    5002727: (
        from_table("federated", "type"), 400, "invalid_request",
        "Invalid JWT header type specified. Allowed types: 'JWT','http://openid.net/specs/jwt/1.0'.", False,
    ),
    5002730: (
        from_table("federated", "key type"), 400, "invalid_request",
        "Invalid JWT token. Unsupported key for the signing algorithm.", False,
    ),
    5002738: (
        from_table("federated", "algorithm"), 400, "invalid_request",
        "Invalid JWT token. 'ES256' is not a supported signature algorithm. Supported signing algorithms are: "
        "'RS256, HS256'", True,
    ),
    700024: (
        from_table("federated", "expired"), 401, "invalid_client",
        "Client assertion is not within its valid time range. Current time: 2026-01-01T00:00:00.0000000Z, assertion "
        "valid from 2026-01-01T00:00:00.0000000Z, expiry time of assertion 2025-12-31T23:54:59.0000000Z. Review the "
        "documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .", True,
    ),
    700027: (
        from_table("federated", "key unusable"), 401, "invalid_client",
        "Client assertion contains an invalid signature. [Reason - The key was not found., Please visit the Azure "
        f"Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{APP}'. Review the "
        "documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service "
        "endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to "
        f"build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{APP}'.]", True,
    ),
    7000272: (
        from_table("federated", "key not found"), 401, "invalid_client",
        "The certificate with identifier DEADBEEF used to sign the federated credential could not be found in the "
        f"metadata of identity provider {ISSUER}. Please validate that your Identity Provider's metadata exposes the "
        "key used to sign the incoming token.", True,
    ),
    501661: (
        from_table("federated", "unreachable"), 400, "invalid_request", "Request to External OIDC endpoint failed.", False,
    ),
    50166: (
        from_table("federated", "HTTP error"), 400, "invalid_request", "Request to External OIDC endpoint failed.", False,
    ),
    90061: (from_table("federated", "TLS"), 400, "invalid_request", "Request to External OIDC endpoint failed.", False),
    700021: (
        from_table("certificate", "identifier"), 401, "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at "
        f"{CERTIFICATES} .", True,
    ),
    700023: (
        from_table("certificate", "audience"), 401, "invalid_client",
        "Client assertion audience claim does not match Realm issuer. Review the documentation at "
        f"{CERTIFICATES.replace('docs', 'learn', 1)}.", True,
    ),
    700011: (
        from_table("federated", "client unknown to org"), 400, "unauthorized_client",
        f"Application with identifier {MI} was not found in the directory.", False,
    ),
    700016: (
        from_table("federated", "client unknown"), 400, "unauthorized_client",
        f"Application with identifier '{MI}' was not found in the directory 'Contoso'. {INSTALLED} You may have sent "
        "your authentication request to the wrong tenant.", True,
    ),
    700038: (
        from_table("federated", "client nil"), 400, "unauthorized_client",
        "00000000-0000-0000-0000-000000000000 is not a valid application identifier.", False,
    ),
    7000229: (
        from_table("federated", "principal missing"), 401, "invalid_client",
        f"The client application {APP} is missing service principal in the tenant {TENANT}. See instructions here: "
        "https://go.microsoft.com/fwlink/?linkid=2225119", True,
    ),
    7000112: (
        from_table("federated", "disabled"), 400, "unauthorized_client", f"Application '{APP}'(apim-gateway) is disabled.",
        True,
    ),
    90002: (
        from_table("federated", "tenant unknown"), 400, "invalid_request",
        "Tenant 'fabrikam.com' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.", True,
    ),
    900023: (
        from_table("federated", "tenant malformed"), 400, "invalid_request",
        "Specified tenant identifier 'contoso' is neither a valid DNS name, nor a valid external domain.", True,
    ),
    9001023: (
        from_table("federated", "tenant common"), 400, "invalid_request",
        "The grant type isn't supported over the /common or /consumers endpoints. Please use the /organizations or "
        "tenant-specific endpoint.", False,
    ),
    50059: (
        from_table("federated", "tenant none"), 400, "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.", True,
    ),
    900144: (
        from_table("federated", "grant missing"), 400, "invalid_request",
        "The request body must contain the following parameter: 'grant_type'.", True,
    ),
    9000411: (
        from_table("federated", "duplicated"), 400, "invalid_request",
        "The request is not properly formatted. The parameter 'client_info' is duplicated.", False,
    ),
    7000216: (
        from_table("federated", "credential missing"), 401, "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.", False,
    ),
    70003: (
        from_table("federated", "grant"), 400, "unsupported_grant_type",
        "The app requested an unsupported grant type 'implicit'.", False,
    ),
    900561: (
        from_table("federated", "method"), 405, "invalid_request",
        "The endpoint only accepts POST, OPTIONS requests. Received a PUT request.", False,
    ),
    90015: (
        from_table("federated", "query"), 400, "invalid_request", "The query string is too long.", False,
    ),
    9002313: (
        from_table("federated", "malformed"), 400, "invalid_request", "Invalid request. Request is malformed or invalid.",
        True,
    ),
    1002012: (
        from_table("federated", "scope"), 400, "invalid_scope",
        "The provided value for scope https://management.azure.com is not valid. Client credential flows must have a "
        "scope value with /.default suffixed to the resource identifier (application ID URI).", False,
    ),
    70011: (
        from_table("federated", "scope malformed"), 400, "invalid_scope",
        "The provided value for the input parameter 'scope' is not valid. The scope \"/.default is not valid.", False,
    ),
    700022: (
        from_table("federated", "two resources"), 400, "invalid_scope",
        "The provided value for the input parameter scope isn't valid because it contains more than one resource.", False,
    ),
    500011: (
        from_table("federated", "resource"), 400, "invalid_resource",
        f"The resource principal named https://nobody.test was not found in the tenant named Contoso. {INSTALLED} You "
        "might have sent your authentication request to the wrong tenant.", True,
    ),
    50001: (
        from_table("federated", "resource disabled"), 400, "invalid_resource",
        "The resource principal named api://orders is disabled.", True,
    ),
    501051: (
        from_table("federated", "not assigned"), 400, "invalid_grant",
        f"Application '{APP}'(apim-gateway) is not assigned to a role for the application '{OTHER_APP}'(orders).", False,
    ),
    700025: (
        from_table("federated", "public"), 401, "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.", True,
    ),
    7000215: (
        from_table("secret", "secret wrong"), 401, "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        f"the client secret ID, for a secret added to app '{APP}'.", True,
    ),
    7000222: (
        from_table("secret", "secret expired"), 401, "invalid_client",
        f"The provided client secret keys for app '{APP}' are expired. Visit the Azure portal to create new keys for "
        "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.", True,
    ),
    53003: (
        from_table("federated", "conditional access"), 400, "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.", True,
    ),
    90033: (outage, 503, "temporarily_unavailable", "A transient error has occurred. Please try again.", True),
    50196: (
        client_loop, 400, "invalid_grant",
        "The server terminated an operation because it encountered a client request loop. Please contact your app "
        "vendor.", True,
    ),
    90024: (budget, 503, "temporarily_unavailable", "A transient error has occurred. Try again.", False),
    90055: (
        throttled, 429, "temporarily_unavailable",
        "There are too many incoming requests. This exception is thrown for blocked tenants.", False,
    ),
    7000218: (
        password_grant, 401, "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", False,
    ),
    50049: (unknown_instance, 400, "invalid_instance", "Unknown or invalid instance.", True),
}  # fmt: skip


def test_the_cases_are_the_table() -> None:
    """No code of the table is left without a cause that reaches it."""
    assert set(CASES) == set(ERRORS)


@pytest.mark.parametrize("code", list(ERRORS))
async def test_every_code_is_reached_by_its_cause(entra: Entra, code: int) -> None:
    """The whole body, the status and the headers are Entra's."""
    arrange, status, error, text, error_uri = CASES[code]
    answer = await arrange(entra)
    body = answer.json()
    trace_id, correlation_id = body.get("trace_id", ""), body.get("correlation_id", "")
    timestamp = "2026-01-01 00:01:01Z" if code == 7000222 else "2026-01-01 00:00:00Z"
    expected = {
        "error": error,
        "error_description": (
            f"AADSTS{code}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
        ),
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    }
    if error_uri:
        expected["error_uri"] = f"https://login.microsoftonline.com/error?code={code}"
    assert (answer.status_code, body) == (status, expected)
    assert re.fullmatch(r"[0-9a-f-]{34}00", trace_id)
    assert {
        name: answer.headers.get(name) for name in ("content-type", "cache-control", "pragma", "expires")
    } == {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "no-store, no-cache",
        "pragma": "no-cache",
        "expires": "-1",
    }
    assert answer.headers["x-ms-request-id"] == trace_id
    assert answer.headers["x-sandbox-provenance"] == f"{ERRORS[code].label}; id=entra.error.{code}"


async def test_the_2022_generation_answers_a_mismatch_with_400(entra: Entra) -> None:
    """One code for all mismatches, as `invalid_request`."""
    entra.configure(no_match="2022")
    answer = await entra.ask(client_assertion=entra.assertion(aud="somewhere"))
    assert (answer.status_code, answer.json()["error"], answer.json()["error_codes"]) == (
        400,
        "invalid_request",
        [70021],
    )


async def test_a_managed_identity_token_is_a_good_assertion(entra: Entra) -> None:
    """The one kind of Entra's own tokens that federates: its keys are really fetched from Entra."""
    trust_entra(entra)
    assertion = await identity_token(entra)
    answer = await entra.ask(client_assertion=assertion)
    assert answer.status_code == 200, answer.text
    assert [event.url for event in entra.events("entra.issuer_fetched")] == [
        f"{ENTRA_ISSUER}/.well-known/openid-configuration",
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
    ]
    assert entra.events("entra.token")[-1].application_object_id == APP_OBJECT
