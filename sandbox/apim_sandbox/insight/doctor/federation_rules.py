"""FC…: cluster, service account and federated credential must agree, byte for byte."""

from collections.abc import Iterator

from apim_sandbox.insight.difference import compare
from apim_sandbox.insight.doctor.cloud import Credential, Identity
from apim_sandbox.insight.doctor.identity_rules import TENANT_ID
from apim_sandbox.insight.doctor.model import Hit, Objects, Path, Rule, annotations, metadata_of
from apim_sandbox.insight.doctor.usage import ANNOTATION, Use, known_uses, uses

_NIL = "00000000-0000-0000-0000-000000000000"
_LIMIT = 20  # Microsoft's "Important considerations and restrictions for federated identity credentials"
_AWI = "Azure/azure-workload-identity"


def client_id(objects: Objects) -> Iterator[Hit]:
    cloud = objects.cloud
    if cloud.identities is None:
        return
    for use in uses(objects):
        if cloud.identity(use.client_id) is not None:
            continue
        value = use.client_id.lower()
        meant = next(
            (one for one in cloud.identities if value and value in (one.object_id, one.principal_id)), None
        )
        if meant is not None:
            what = "application's object id" if value == meant.object_id else "service principal's object id"
            yield Hit(
                use.account,
                ANNOTATION,
                f'{use.client_id} is the {what} of "{meant.name}", not its client id: AADSTS700016',
                f'azure.workload.identity/client-id: "{meant.client_id}"',
            )
        else:
            nil = "the nil GUID" if value == _NIL else "no client id"
            yield Hit(
                use.account,
                ANNOTATION,
                f"{use.client_id} is {nil} of an application or identity in {cloud.source}",
                _client_ids(cloud.identities),
            )


def _client_ids(identities: tuple[Identity, ...]) -> str:
    if not identities:
        return "create the application, or put an existing one's client id there"
    return "use one that is there: " + ", ".join(f"{one.client_id} ({one.name})" for one in identities[:4])


def tenant_id(objects: Objects) -> Iterator[Hit]:
    if not objects.cloud.tenants:
        return
    for use in uses(objects):
        value = annotations(metadata_of(use.account)).get(TENANT_ID)
        if isinstance(value, str) and value and value.lower() not in objects.cloud.tenants:
            yield Hit(
                use.account,
                ("metadata", "annotations", TENANT_ID),
                f"{value} is not the tenant of {objects.cloud.source} ({objects.cloud.tenants[0]})",
                "remove the annotation (the webhook knows the tenant), or write the tenant's id",
            )


def principal(objects: Objects) -> Iterator[Hit]:
    for use, identity in known_uses(objects):
        if identity.principal_id == "":
            yield Hit(
                use.account,
                ANNOTATION,
                f'application "{identity.name}" has no service principal in its tenant: AADSTS7000229',
                f"az ad sp create --id {identity.client_id}",
            )
        elif not identity.enabled:
            yield Hit(
                use.account,
                ANNOTATION,
                f'the service principal of "{identity.name}" is disabled: Entra refuses it',
                f"az ad sp update --id {identity.client_id} --set accountEnabled=true",
            )


def no_credentials(objects: Objects) -> Iterator[Hit]:
    for use, identity in known_uses(objects):
        if identity.credentials != ():
            continue
        others = [
            one.name
            for one in objects.cloud.identities or ()
            if any(each.subject == use.subject for each in one.credentials or ())
        ]
        hint = f'; "{others[0]}" has one for this service account' if others else ""
        yield Hit(
            use.account,
            ANNOTATION,
            f'"{identity.name}" has no federated credential at all{hint}: AADSTS70025',
            _create(identity, use, objects),
        )


def issuer(objects: Objects) -> Iterator[Hit]:
    known = [one.issuer for one in objects.cloud.clusters if one.issuer]
    for use, identity in known_uses(objects):
        if not known or not identity.credentials:
            continue
        if any(one.issuer in known for one in identity.credentials):
            continue
        best = _nearest(identity.credentials, use.subject)
        if len(known) == 1:
            difference = compare(best.issuer, known[0])
            yield Hit(
                use.account,
                ANNOTATION,
                f'credential "{best.name}" of "{identity.name}" expects the issuer {best.issuer}, the '
                f"cluster's tokens say {known[0]}; {difference.words if difference else ''}: AADSTS700211",
                _update(identity, best, f'{{"issuer": "{known[0]}"}}', f"--issuer {known[0]}"),
            )
        else:
            yield Hit(
                use.account, ANNOTATION,
                f'no credential of "{identity.name}" names the issuer of a cluster in {objects.cloud.source}',
                f"use one of {', '.join(known)}",
            )  # fmt: skip


def subject(objects: Objects) -> Iterator[Hit]:
    known = [one.issuer for one in objects.cloud.clusters if one.issuer]
    for use, identity in known_uses(objects):
        trusted = [one for one in identity.credentials or () if not known or one.issuer in known]
        if not trusted or any(one.subject == use.subject for one in trusted):
            continue
        best = _nearest(tuple(trusted), use.subject)
        case = best.subject.lower() == use.subject.lower()
        difference = compare(best.subject, use.subject)
        key = "serviceAccountName" if "serviceAccountName" in use.workload.spec else "containers"
        where: Path = (*use.workload.template, "spec", key)
        yield Hit(
            use.workload.manifest,
            where,
            f'credential "{best.name}" of "{identity.name}" expects the subject {best.subject}, the pods '
            f"present {use.subject}; {difference.words if difference else ''}: "
            f"AADSTS{'7002138' if case else '700213'}",
            _update(identity, best, f'{{"subject": "{use.subject}"}}', f"--subject {use.subject}"),
        )


def audience(objects: Objects) -> Iterator[Hit]:
    wanted = {one.webhook.audience for one in objects.cloud.clusters if one.webhook is not None}
    wanted = wanted or {"api://AzureADTokenExchange"}
    for use, identity in known_uses(objects):
        mine = [one for one in identity.credentials or () if one.subject == use.subject]
        if not mine or any(one.audience in wanted for one in mine):
            continue
        expected = min(wanted)
        yield Hit(
            use.account,
            ANNOTATION,
            f'credential "{mine[0].name}" of "{identity.name}" expects the audience {mine[0].audience}, the '
            f"webhook asks for {expected}: AADSTS700212",
            _update(identity, mine[0], f'{{"audiences": ["{expected}"]}}', f"--audiences {expected}"),
        )


def limit(objects: Objects) -> Iterator[Hit]:
    for use, identity in known_uses(objects):
        count = len(identity.credentials or ())
        if count >= _LIMIT:
            yield Hit(
                use.account,
                ANNOTATION,
                f'"{identity.name}" has {count} federated credentials, the most there can be: no other '
                "cluster or service account can be added",
                "give the next cluster an identity of its own, or delete credentials that nobody uses",
            )


def _nearest(credentials: tuple[Credential, ...], wanted: str) -> Credential:
    """The credential whose subject shares the longest beginning."""

    def shared(one: Credential) -> int:
        difference = compare(one.subject, wanted)
        return difference.position if difference else len(wanted) + 1

    return max(credentials, key=shared)


def _update(identity: Identity, one: Credential, parameters: str, option: str) -> str:
    if identity.kind == "identity":
        return (
            f"az identity federated-credential update -g GROUP --identity-name {identity.name} "
            f"--name {one.name} {option}"
        )
    return (
        f"az ad app federated-credential update --id {identity.client_id} "
        f"--federated-credential-id {one.name} --parameters '{parameters}'"
    )


def _create(identity: Identity, use: Use, objects: Objects) -> str:
    found = next((one.issuer for one in objects.cloud.clusters if one.issuer), "ISSUER")
    if identity.kind == "identity":
        return (
            f"az identity federated-credential create -g GROUP --identity-name {identity.name} "
            f"--name apim-gateway --issuer {found} --subject {use.subject}"
        )
    return (
        f"az ad app federated-credential create --id {identity.client_id} --parameters "
        f'\'{{"name": "apim-gateway", "issuer": "{found}", "subject": "{use.subject}", '
        '"audiences": ["api://AzureADTokenExchange"]}\''
    )


def _rule(number: int, title: str, why: str, source: str, look: object, severity: str = "error") -> Rule:
    return Rule(f"FC{number:03}", title, severity, why, source, look, needs_cloud=True)  # type: ignore[arg-type]


RULES = (
    _rule(
        1, "the client id is nobody's",
        "Entra answers AADSTS700016 (AADSTS700011 or 700038 in some forms): no application has this client "
        "id. Often it is the object id that stands beside it in the portal.",
        "Microsoft's Entra error code reference; secrets-store CSI driver's troubleshooting page", client_id,
    ),
    _rule(
        2, "the tenant is another one",
        "Entra answers AADSTS90002 for a tenant it does not have, AADSTS900023 for what is no tenant id.",
        "Microsoft's Entra error code reference", tenant_id,
    ),
    _rule(
        3, "the application has no service principal that may sign in",
        "An application is only a registration: signing in, and role assignments, need its service principal "
        "in the tenant, enabled.",
        "Microsoft's Entra error code reference, AADSTS7000229 and AADSTS7000112", principal,
    ),
    _rule(
        4, "the identity has no federated credential",
        "Entra answers AADSTS70025. Mostly the credential was made on another application or identity, or "
        "the client id belongs to an add-on's identity.",
        "Azure/azure-workload-identity#1200", no_credentials,
    ),
    _rule(
        5, "no federated credential names the cluster's issuer",
        "Issuers are compared byte for byte: one slash at the end makes another issuer.",
        f"{_AWI}#340, #1350, #1700", issuer,
    ),
    _rule(
        6, "no federated credential names the service account",
        "The subject is system:serviceaccount:NAMESPACE:NAME, compared byte for byte and with letter case.",
        "Azure/login#379, #515", subject,
    ),
    _rule(
        7, "the federated credential expects another audience",
        "The projected token carries the webhook's audience; sovereign clouds and custom webhooks differ.",
        f"{_AWI}#1675", audience,
    ),
    _rule(
        8, "the identity has as many federated credentials as it can",
        "The next one is refused; there can be 20 on an application or identity.",
        f"{_AWI}#575, #830", limit, "warning",
    ),
)  # fmt: skip
