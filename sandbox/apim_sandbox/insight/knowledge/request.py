"""AADSTS codes that are about the request itself, its resource, or tokens used in place of assertions."""

from apim_sandbox.insight.knowledge.model import Code, because, code

_CODES = "Microsoft's error codes"

CODES: tuple[Code, ...] = (
    code(
        50001, "400 invalid_resource", "the resource is disabled",
        "The tenant knows the resource, but its service principal is switched off.",
        because("somebody disabled the resource's enterprise application", 0, _CODES),
        hop=6,
    ),
    code(
        50059, "400 invalid_request", "no tenant in the request",
        "The request goes to /common or /organizations, where client credentials can't tell the tenant.",
        because("AZURE_TENANT_ID is empty and the client falls back to a general endpoint", 0, _CODES),
        tell=("The address in the gateway's log names common or organizations in place of a tenant.",),
    ),
    code(
        501051, "400 invalid_grant", "not assigned to the resource",
        "The resource demands that callers are assigned to a role of it, and this one is not.",
        because("assignment required is on for the resource's enterprise application", 0, _CODES),
        hop=6,
    ),
    code(
        65001, "400 invalid_grant", "no consent",
        "Nobody has consented to what the client asks for.",
        because("a scope of a user's sign-in where the resource's /.default belongs", 0, _CODES),
        hop=6,
    ),
    code(
        90015, "400 invalid_request", "query string too long",
        "A token request carries its parameters in the body; the query string is longer than Entra reads.",
        because("the assertion was put into the URL", 0, _CODES),
    ),
    code(
        650057, "400 invalid_resource", "the resource is not among the application's permissions",
        "The application's registration does not list the resource that it asks for.",
        because("a token audience of another cloud or of another product", 0, _CODES),
        hop=6,
    ),
    code(
        700011, "400 unauthorized_client", "application not found in the directory",
        "As 700016, said by another part of Entra: the client id is nobody's here.",
        because("wrong client id, or the right one in another tenant", 0, _CODES),
    ),
    code(
        700021, "401 invalid_client", "the assertion names another application",
        "A client that signs its own assertion must put its client id into iss and sub.",
        because("a certificate credential whose client id was changed in one place", 1, "MSAL .NET's tests"),
        tell=("Not about federated credentials: their tokens are issued by somebody else.",),
    ),
    code(
        700022,
        "400 invalid_scope",
        "more than one resource",
        "Client credentials get a token for one resource; the scope names several.",
        because("two scopes in one request", 0, _CODES),
        hop=6,
    ),
    code(
        700023, "401 invalid_client", "the assertion is meant for another address",
        "A client that signs its own assertion must name the token endpoint of its tenant as audience.",
        because("the tenant in the address differs from the one in the assertion", 0,
                "Microsoft's troubleshooting page on client assertions"),
    ),
    code(
        700025, "401 invalid_client", "a public client",
        "The application is registered as a public client, which has no secret and no assertion.",
        because("allowPublicClient is on in the application's registration", 0, _CODES),
    ),
    code(
        700226, "401 invalid_client", "only a managed identity's token will do",
        "Of tokens that Entra issued itself, only those of managed identities may stand as assertion.",
        because("an application's access token was presented in place of the projected token", 0),
        tell=("The assertion's issuer is login.microsoftonline.com or sts.windows.net.",),
    ),
    code(
        700227, "401 invalid_client", "a forbidden audience",
        "The token that stands as assertion was made for a resource that must not be used so.",
        because("an access token for another product was presented in place of the projected token", 0),
    ),
    code(
        700236, "401 invalid_client", "this tenant takes no Entra tokens as assertions",
        "Tokens of this issuer may not stand as assertion for applications of this tenant.",
        because("a two-hop exchange that the tenant's policy forbids", 0),
    ),
    code(
        90024, "400 invalid_request", "a request that must be repeated",
        "Entra could not finish the request and says so in the words of a budget: try again.",
        because("load on Entra's side", 0, _CODES),
    ),
    code(
        900561, "405 invalid_request", "GET in place of POST",
        "The token endpoint takes POST only.",
        because("a browser or a health probe was pointed at the token endpoint", 0, _CODES),
        because("a proxy that turns POST into GET when it redirects", 0),
        hop=4,
    ),
    code(
        9000411, "400 invalid_request", "a parameter twice",
        "The form holds a parameter more than once.",
        because("scope or client_id sent both by the library and by a custom parameter", 2,
                "MicrosoftDocs/azure-dev-docs#934", "Azure/azure-sdk-for-java#31733"),
        hop=4,
    ),
    code(
        9002313, "400 invalid_request", "the request is malformed",
        "The body is no form that Entra can read.",
        because("a body in JSON, or a broken percent encoding", 0, _CODES),
        hop=4,
    ),
    code(
        50013, "400 invalid_grant", "a user's assertion is not valid",
        "The assertion of an on-behalf-of request is refused: a user's token, not a federated one.",
        because("a gateway never sends such a request: the line is another program's", 0, _CODES),
    ),
    code(
        500133, "400 invalid_grant", "a user's assertion is over",
        "The user's token of an on-behalf-of request is outside its time.",
        because("a gateway never sends such a request: the line is another program's", 0, _CODES),
    ),
    code(
        700030, "401 invalid_client", "a certificate's subject does not fit",
        "The application trusts certificates by subject name, and this one has another.",
        because("a renewed certificate with another name; workload identity uses none", 0, _CODES),
    ),
    code(
        501481, "400 invalid_grant", "the code verifier does not fit",
        "A person's sign-in by authorization code: its PKCE verifier is not the one it began with.",
        because("an application for people; client credentials have no such step", 0, _CODES),
    ),
    code(
        530003, "403 interaction_required", "the device must be managed",
        "Conditional Access wants a managed device: it concerns people's sign-ins only.",
        because("a person's sign-in in place of the application's", 0, _CODES),
    ),
    code(
        90015, "400 invalid_request", "the query string is too long",
        "The address carries more than Entra reads.",
        because("parameters that belong into the form were put into the address", 0, _CODES),
        hop=4,
    ),
)  # fmt: skip
