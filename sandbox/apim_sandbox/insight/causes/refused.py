"""What was refused to the one who sets things up: a manifest, a change through Graph or ARM, an API call."""

from msgspec import Struct

from apim_emulators.core.events import (
    ArmAnswered,
    GraphAnswered,
    ManifestRefused,
    RequestServed,
)
from apim_sandbox.insight.causes.facts import Failure
from apim_sandbox.insight.explanation import Explanation, Fact, Mend


def manifest(_failure: Failure, event: ManifestRefused) -> Explanation:
    """The API server took nothing of it: what ran before goes on running."""
    file, _, _ = event.place.partition(":")
    return Explanation(
        cause="manifest-refused",
        hop=1,
        headline=f"The API server refused the manifest (hop 1): {event.problem.rstrip('.')}.",
        facts=(Fact("at", event.place),),
        mends=(Mend("manifest", event.fix or "change it as the message says", event.place, _apply(file)),),
        more="apim-sandbox doctor " + file,
    )


def _apply(file: str) -> str:
    return f"apim-sandbox apply -f {file}" if file else ""


class _Reason(Struct, frozen=True):
    """`words` begin with what the cloud's message begins with; `code` is its code."""

    code: str
    words: str
    cause: str
    headline: str
    mend: str
    command: str = ""
    field: str = ""


# Graph tells several mistakes by one code: its words tell them apart.
_GRAPH = (
    _Reason(
        "Directory_ResourceSizeExceeded", "", "credential-limit",
        "the application has as many federated credentials as it may have, twenty",
        "delete one that nobody uses, or use another application or a user-assigned identity (twenty more)",
        "az ad app federated-credential list --id '<application>'",
        "a credential for each cluster and branch fills the twenty (Azure/azure-workload-identity#575).",
    ),
    _Reason(
        "InvalidFederatedIdentityCredentialValue", "combination", "credential-duplicate",
        "the application has a credential with this issuer and subject already",
        "use the one that is there, or change its audience",
        "az ad app federated-credential list --id '<application>'",
        "a second name for the same issuer and subject is refused (Azure/azure-workload-identity#434).",
    ),
    _Reason(
        "InvalidFederatedIdentityCredentialValue", "audience", "credential-without-audience",
        "a federated credential needs exactly one audience, and none was sent",
        "send audiences: [api://AzureADTokenExchange]",
        "az ad app federated-credential create --id '<application>' --parameters "
        """'{"name": "…", "issuer": "…", "subject": "…", "audiences": ["api://AzureADTokenExchange"]}'""",
        "az sends no audience of its own (Azure/azure-cli#31598).",
    ),
    _Reason(
        "Authorization_RequestDenied", "", "graph-not-authorized",
        "the caller owns neither the application nor a permission that would do",
        "let an owner of the application do it, or grant Application.ReadWrite.OwnedBy",
        "az ad app owner list --id '<application>'",
    ),
    _Reason(
        "Request_ResourceNotFound", "", "graph-object-unknown",
        "there is no such object in this tenant, or it was not replicated yet",
        "look for it by its object id, and for new objects wait and try again",
        "az ad app list --display-name '<application>'",
    ),
)  # fmt: skip

_ARM = (
    _Reason(
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", "",
        "credentials-written-in-parallel",
        "another federated credential of this identity was being written",
        "write the credentials of one identity one after the other, and try again what was refused",
        "az identity federated-credential list --identity-name '<identity>' -g '<resource-group>'",
        "infrastructure as code writes in parallel unless told what depends on what "
        "(hashicorp/terraform-provider-azurerm#19968).",
    ),
    _Reason(
        "PrincipalNotFound", "", "principal-not-found",
        "the directory does not know the principal (yet)",
        "wait and try again, or send principalType, which makes ARM take it unseen",
        "az role assignment create --assignee-object-id '<object id>' "
        "--assignee-principal-type ServicePrincipal --role '<role>' --scope '<scope>'",
        "a role assigned in the line after the principal's creation.",
    ),
    _Reason(
        "RoleAssignmentExists", "", "role-assignment-exists",
        "the same role is assigned to this principal at this scope already",
        "nothing to do: it is assigned",
        "az role assignment list --assignee '<object id>' --scope '<scope>'",
    ),
    _Reason(
        "MethodNotAllowedInPricingTier", "", "tier-without-gateways",
        "the service's tier has no self-hosted gateways",
        "use the Developer or Premium tier",
        "az apim update --name '<service>' --resource-group '<resource-group>' --sku-name Developer",
    ),
    _Reason(
        "InvalidDataActionsAssignableScope", "", "data-actions-at-management-group",
        "a role with data actions can't be assignable at a management group",
        "name subscriptions or resource groups in assignableScopes",
        "az role definition create --role-definition role.json",
    ),
)  # fmt: skip


def graph(_failure: Failure, event: GraphAnswered) -> Explanation:
    """Microsoft Graph refused a change."""
    facts = (
        Fact("request", f"{event.method} {event.path}"),
        Fact("answer", _answer(event.status, event.error)),
    )
    found = _reason(_GRAPH, event.error, event.message)
    return _told("Microsoft Graph", 5, "graph-refused", found, facts, event.message or event.error)


def arm(_failure: Failure, event: ArmAnswered) -> Explanation:
    """ARM, or a resource provider behind it, refused a change that the caller may ask for."""
    code, _, words = event.error.partition(":")
    facts = (
        Fact("request", f"{event.method} {event.path}"),
        Fact("answer", _answer(event.status, code)),
        Fact("caller", event.caller_name or event.caller or "unknown"),
    )
    found = _reason(_ARM, code, words)
    return _told("ARM", 8, "arm-refused", found, facts, words.strip() or code or "no reason given")


def api(_failure: Failure, event: RequestServed) -> Explanation:
    """The gateway has no API at the path: for it, the service has none that it may serve."""
    return Explanation(
        cause="api-not-assigned",
        hop=9,
        headline=f"The gateway serves no API at {event.path} (hop 9).",
        facts=(Fact("answer", f"{event.status} to {event.method} {event.path}"),),
        mends=(
            Mend(
                "cloud",
                "assign the API to the gateway",
                "the gateway's APIs",
                "az rest --method put --url 'https://management.azure.com<service>/gateways/<gateway>/apis/<api>"
                "?api-version=2024-05-01'",
            ),
        ),
        seen_in_the_field="a gateway in sync that answers 404 was never given the API "
        "(Azure/api-management-self-hosted-gateway#328).",
    )


def _reason(table: tuple[_Reason, ...], code: str, words: str) -> _Reason | None:
    low = words.lower()
    return next((one for one in table if one.code == code and one.words in low), None)


def _answer(status: int, code: str) -> str:
    return f"{status} {code}".strip()


def _told(
    who: str, hop: int, otherwise: str, found: _Reason | None, facts: tuple[Fact, ...], text: str
) -> Explanation:
    if found is None:
        return Explanation(
            cause=otherwise,
            hop=hop,
            headline=f"{who} refused a change (hop {hop}): {text.rstrip('.')}.",
            facts=facts,
            mends=(Mend("cloud", "change the request as the message says"),),
        )
    return Explanation(
        cause=found.cause,
        hop=hop,
        headline=f"{who} refused a change (hop {hop}): {found.headline}.",
        facts=(*facts, Fact("in its words", text)),
        mends=(Mend("cloud", found.mend, "", found.command),),
        seen_in_the_field=found.field,
    )
