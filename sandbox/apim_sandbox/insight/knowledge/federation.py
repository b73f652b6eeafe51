"""AADSTS codes of the federated exchange: credentials, and the assertion itself."""

from apim_sandbox.insight.knowledge.model import Code, because, code

_COMPARE = (
    "Decode the token (`apim-sandbox journal --json`, or any JWT viewer) and lay it beside the credential."
)
_AWI = "Azure/azure-workload-identity"

CODES: tuple[Code, ...] = (
    code(
        70021,
        "401 invalid_client (400 invalid_request until 2022)",
        "no matching credential (older answer)",
        "No federated credential of the application fits the token. It does not say which value differs; "
        "newer answers split it into 700211, 700212 and 700213.",
        because("the issuer differs by a slash at its end", 4, f"{_AWI}#340", "azure-docs#97699"),
        because(
            "the issuer is the API server's default, since the cluster has no public one", 2, f"{_AWI}#616"
        ),
        because("the credential is minutes old and not yet everywhere", 2, f"{_AWI}#273", f"{_AWI}#576"),
        tell=(
            "The message prints issuer, subject and audience of the token: compare each with the credential.",
        ),
    ),
    code(
        700211,
        "401 invalid_client",
        "no credential names the issuer",
        "The application has federated credentials, but none for the token's issuer.",
        because(
            "a slash at the end on one side only; no longer forgiven since about February 2026",
            4,
            f"{_AWI}#340",
            f"{_AWI}#1700",
            "azure-docs#97699",
        ),
        because(
            "the credential was made on another object (app registration against managed identity)",
            2,
            f"{_AWI}#1200",
        ),
        because("the credential was made for another address of the same cluster", 1, f"{_AWI}#1350"),
        because("the cluster was recreated: a new issuer with the old credential", 1),
        because(
            "stale copies inside Entra, or in a controller that must be restarted",
            2,
            f"{_AWI}#1200",
            "keda#8152",
        ),
        tell=(
            "Only the end differs: it is the slash.",
            "The issuer is https://kubernetes.default.svc…: the cluster has no public issuer.",
            "Everything fits and it comes and goes: replicas; delete and recreate the credential.",
        ),
    ),
    code(
        700212,
        "401 invalid_client",
        "no credential names the audience",
        "Issuer fits, audience does not: the token was made for somebody else.",
        because("the pod's default service-account token was presented", 3, "several public guides"),
        because("the webhook runs with --audience, or the cloud is a sovereign one", 1, f"{_AWI}#1675"),
        because("the credential was made with another audience than api://AzureADTokenExchange", 1),
        tell=("aud https://kubernetes.default.svc…: default token. aud like a URL of yours: webhook flag.",),
    ),
    code(
        700213,
        "401 invalid_client",
        "no credential names the subject",
        "Issuer fits, subject does not: another namespace, another service account, or a typing error.",
        because(
            "wrong namespace, service account, or (in CI) branch against environment",
            4,
            "Azure/login#379",
            "Azure/login#482",
            "external-secrets#2783",
            "dotnet/maui#31978",
        ),
        because("serviceAccountName left out, so that `default` is used", 1, f"{_AWI}#691"),
        because("the Helm chart names the service account after the release", 1),
        because(
            "one of several new credentials has not reached every replica", 2, f"{_AWI}#1200", f"{_AWI}#977"
        ),
        tell=(_COMPARE, "It fails for some requests only: replicas, wait or recreate the credential."),
    ),
    code(
        7002138,
        "401 invalid_client",
        "the subject differs in letter case",
        "Subjects are compared exactly since the change announced for August 2024.",
        because(
            "the credential was written in other letter case than the real names",
            2,
            "Azure/login#515",
            "Azure/login#517",
        ),
    ),
    code(
        7002131,
        "401 invalid_client",
        "neither subject nor expression matches",
        "As 700213, on an application with flexible credentials (expressions).",
        because("the expression does not cover the subject", 1, "dotnet/dnceng#6455"),
    ),
    code(
        7002137,
        "401 invalid_client",
        "a managed identity's subject differs",
        "As 700213 for an assertion that is a managed identity's token: the subject must be its object id.",
        because("client id instead of object id in the credential", 1, "microsoft/Agents#202"),
    ),
    code(
        7002121,
        "401 invalid_client",
        "a managed identity's audience differs",
        "As 700212 for an assertion that Entra issued (known from third parties only).",
        because("the token was got for another audience", 1),
    ),
    code(
        70025,
        "401 invalid_client",
        "the application has no credential",
        "The client id belongs to an application or identity without any federated credential.",
        because(
            "client id of another identity in the manifest: an add-on's, a node's",
            2,
            "public troubleshooting notes",
        ),
        because(
            "the credential sits on the managed identity, the client id is the app registration's",
            1,
            f"{_AWI}#1200",
        ),
        tell=("Ask who the client id is: `az ad sp show --id <client id>`.",),
    ),
    code(
        70023,
        "400 invalid_request",
        "the token lives too long",
        "The external token may live 25 hours at most; without iat it counts as issued in 1970.",
        because("the pod's default token, good for a year", 1, "azure-docs#116275"),
        because("an issuer of one's own leaves out iat", 1, "azure-docs#86915"),
        tell=("The message prints 'Token issued at': 0 or 1970 means that iat is missing.",),
    ),
    code(
        700222,
        "401 invalid_client",
        "an Entra token as assertion",
        "A token that Entra issued can't be exchanged again by an ordinary application.",
        because("two exchanges in a row", 3, "azure-docs#90276", f"{_AWI}#820"),
    ),
    code(
        700223,
        "401 invalid_client",
        "only for Microsoft's own applications",
        "The application is a first-party one, which accepts Entra's tokens only.",
        because("client id of a Microsoft application", 1, f"{_AWI}#1274"),
    ),
    code(
        700231,
        "401 invalid_client",
        "a federated token as assertion",
        "A token got through one federated credential can't prove another.",
        because("two exchanges in a row", 1, f"{_AWI}#1363"),
    ),
    code(
        7002381,
        "401 invalid_client",
        "the tenant's policy on issuers",
        "The tenant demands a claim (such as an enterprise id) of tokens of this issuer.",
        because("the CI account is not the enterprise's", 1),
    ),
    code(
        700238,
        "401 invalid_client",
        "the tenant does not allow this issuer",
        "The tenant's policy names the issuers whose tokens may federate, and this one is not among them.",
        because("a cluster or CI service that nobody has allowed yet", 0),
    ),
    code(
        50027,
        "400 invalid_request",
        "not a JWT",
        "What was posted as the assertion is no JWT, or not one that can be read.",
        because("an empty or truncated token file", 1),
        because("the path of the file was posted, not its content", 1),
    ),
    code(
        5002727,
        "400 invalid_request",
        "header typ",
        "The header's typ is there and is neither JWT nor the OpenID one. Kubernetes writes none, "
        "which is fine.",
        because("an access token (at+jwt) where an identity token belongs", 2),
    ),
    code(
        5002730,
        "400 invalid_request",
        "key and algorithm do not fit",
        "The published key has another type than the algorithm needs.",
        because("an EC key under a kid whose tokens say RS256", 1, "MSAL .NET #4712"),
    ),
    code(
        5002738,
        "400 invalid_request",
        "algorithm",
        "Only RSA signatures are taken; RS256 is the documented one.",
        because("the cluster signs with an EC key", 2, "microsoft-identity-web#3467"),
    ),
    code(
        700024,
        "401 invalid_client",
        "outside its time",
        "The token has expired or is not valid yet, by Entra's clock.",
        because(
            "the program read the token file once and kept it",
            4,
            f"{_AWI}#693",
            "risingwave#17123",
            "azure-sdk-for-python#44488",
            "MSAL Java #984",
        ),
        because("a short-lived CI token used a second time", 2, "Azure/login#180", "Azure/login#372"),
        because("a clock is wrong: VM after sleep, time zone", 3, "docker/for-mac#17", "MSAL .NET #4951"),
        tell=(
            "The message prints three times. Expired by minutes or hours: an old token. Valid only "
            "in the future: "
            "a clock.",
            "It begins about an hour, or a day, after the start: a kept token.",
        ),
    ),
    code(
        700027,
        "401 invalid_client",
        "signature",
        "The key was found by its kid, but does not verify the token, or may not be used.",
        because('a JWKS key without "use": "sig"', 1),
        because("two clusters share an issuer, or keys were replaced under the same kid", 1),
    ),
    code(
        7000272,
        "401 invalid_client",
        "key not found",
        "The issuer's published keys, as Entra holds them, do not contain the token's kid.",
        because(
            "signing key rotated before its public half was published", 2, f"{_AWI}#1232", "azure-docs#122497"
        ),
        because("Entra still holds an older copy of the keys", 1),
        tell=(
            "Fetch the JWKS yourself: the kid is there, so Entra's copy is old (wait); it is not, "
            "so publish it.",
        ),
    ),
    *(
        code(
            number,
            "400 invalid_request",
            "the issuer can't be read",
            "Entra could not fetch the issuer's discovery document or keys. Three numbers say the "
            "same, by age.",
            because(
                "firewall, address filter or private network in front of issuer or keys",
                4,
                f"{_AWI}#605",
                f"{_AWI}#1130",
                "Azure/login#283",
            ),
            because("a short disturbance; a few a month are normal", 3, "Azure/AKS#4029", f"{_AWI}#642"),
            because("an outage of the provider (2024-05-01)", 2, "azure-cli#28863"),
            tell=(
                "From outside your network: curl {issuer}/.well-known/openid-configuration, then "
                "its jwks_uri.",
            ),
        )
        for number in (501661, 50166, 90061)
    ),
)
