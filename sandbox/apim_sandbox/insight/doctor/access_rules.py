"""AZ…: the API Management service, its gateway, and the two role assignments."""

from collections.abc import Iterator

from apim_emulators.core.rbac import Decision, Kind, covers, evaluate, grants, role_guid
from apim_emulators.core.vocabulary import CONFIGURATION_DOMAIN, GET_CONFIGURATION
from apim_sandbox.documents import nearest
from apim_sandbox.insight.doctor.cloud import Access, Cloud
from apim_sandbox.insight.doctor.model import Hit, Objects, Path, Rule
from apim_sandbox.insight.doctor.usage import ANNOTATION, Target, identities_of, targets

_ENDPOINT: Path = ("data", "config.service.endpoint")
_NAME: Path = ("data", "gateway.name")
_TIERS = ("developer", "premium")
_READS = (
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleDefinitions/read",
    "Microsoft.Authorization/denyAssignments/read",
)
_READER = "API Management Gateway Configuration Reader Role"
_VALIDATOR = "API Management Configuration API Access Validator Service Role"
_ARTICLE = "Microsoft's workload identity article for the self-hosted gateway"


def service(objects: Objects) -> Iterator[Hit]:
    known = [one.name for one in objects.cloud.services or ()]
    for target in targets(objects):
        if objects.cloud.services is None or target.service is not None:
            continue
        name = target.host.partition(".")[0]
        meant = nearest(name, known) or (known[0] if len(known) == 1 else None)
        yield Hit(
            target.config,
            _ENDPOINT,
            f"{objects.cloud.source} has no API Management service {name} "
            f"(it has {', '.join(known) or 'none'})",
            f"config.service.endpoint: https://{meant or '<service name>'}.{CONFIGURATION_DOMAIN}",
        )


def tier(objects: Objects) -> Iterator[Hit]:
    for target in targets(objects):
        found = target.service
        if found is not None and found.sku and found.sku.lower() not in _TIERS:
            yield Hit(
                target.config,
                _ENDPOINT,
                f"service {found.name} is of tier {found.sku}, which has no self-hosted gateways",
                f"az apim update --name {found.name} -g GROUP --sku-name Developer, or use another service",
            )


def gateway(objects: Objects) -> Iterator[Hit]:
    for target in targets(objects):
        found = target.service
        # ARM compares names without letter case.
        if found is None or found.gateways is None or _apis(target) is not None:
            continue
        if target.gateway.lower() in (name.lower() for name in found.gateways):
            continue
        known = list(found.gateways)
        meant = nearest(target.gateway.lstrip("="), known) or (known[0] if len(known) == 1 else None)
        itself = " (that is the service's own name)" if target.gateway.lower() == found.name.lower() else ""
        yield Hit(
            target.config,
            _NAME,
            f'service {found.name} has no gateway "{target.gateway}"{itself}; '
            f"it has {', '.join(known) or 'none'}",
            f"gateway.name: {meant or '<gateway name>'}",
        )


def _apis(target: Target) -> tuple[str, ...] | None:
    gateways = (target.service.gateways if target.service else None) or {}
    return next((apis for name, apis in gateways.items() if name.lower() == target.gateway.lower()), None)


def no_apis(objects: Objects) -> Iterator[Hit]:
    for target in targets(objects):
        if _apis(target) == () and target.service is not None:
            url = f"{target.service.id}/gateways/{target.gateway}/apis/API?api-version=2022-08-01"
            yield Hit(
                target.config,
                _NAME,
                f'no API is assigned to gateway "{target.gateway}": it will answer 404 to every call',
                f'az rest --method put --url "{url}"',
            )


def reader(objects: Objects) -> Iterator[Hit]:
    access = objects.cloud.access
    for target in targets(objects):
        if access is None or target.service is None or _stranger(target):
            continue
        scope = f"{target.service.id}/gateways/{target.gateway}"
        for use, identity in identities_of(objects, target.config):
            if not identity.principal_id:
                continue
            decision = _decide(access, identity.principal_id, GET_CONFIGURATION, scope, "dataAction")
            if decision.allowed or _undecided(access, decision, GET_CONFIGURATION, "dataAction"):
                continue
            ids = {identity.object_id: "its application's object id", identity.client_id: "its client id"}
            yield Hit(
                use.account,
                ANNOTATION,
                f'"{identity.name}" may not read the configuration of gateway {target.gateway}: '
                f"{_why(decision, ids, 'data action')}",
                _assign(_READER, identity.principal_id, scope),
            )


def no_identity(objects: Objects) -> Iterator[Hit]:
    for target in targets(objects):
        if target.service is not None and not target.service.system_principal:
            yield Hit(
                target.config,
                _ENDPOINT,
                f"service {target.service.name} has no system-assigned identity: its configuration API "
                "can't check anybody's role (a user-assigned one is not used)",
                f"az apim update --name {target.service.name} -g GROUP --enable-managed-identity true",
            )


def validator(objects: Objects) -> Iterator[Hit]:
    access = objects.cloud.access
    for target in targets(objects):
        if access is None or target.service is None or not target.service.system_principal:
            continue
        principal, scope = target.service.system_principal, target.service.id
        for action in _READS:
            decision = _decide(access, principal, action, scope, "action")
            if decision.allowed or _undecided(access, decision, action, "action"):
                continue
            yield Hit(
                target.config,
                _ENDPOINT,
                f"the system-assigned identity of service {target.service.name} may not do {action}: "
                f"{_why(decision, _names(objects.cloud), 'action')}",
                _assign(_VALIDATOR, principal, scope),
            )
            break


def _names(cloud: Cloud) -> dict[str, str]:
    return {
        one.principal_id: f'the user-assigned identity "{one.name}"'
        for one in cloud.identities or ()
        if one.kind == "identity" and one.principal_id
    }


def _stranger(target: Target) -> bool:
    """Whether the service has no such gateway, which another rule tells."""
    found = target.service.gateways if target.service else None
    return found is not None and target.gateway.lower() not in (name.lower() for name in found)


def _decide(access: Access, principal: str, action: str, scope: str, kind: Kind) -> Decision:
    above = tuple(
        scope
        for scope in [one.scope for one in access.assignments] + [one.scope for one in access.denials]
        if scope.lower().startswith("/providers/microsoft.management/")
    )
    return evaluate(
        principal=principal,
        action=action,
        scope=scope,
        kind=kind,
        definitions=access.definitions,
        assignments=access.assignments,
        denials=access.denials,
        groups=(access.groups or {}).get(principal, ()),
        management_groups=above,
    )


def _undecided(access: Access, decision: Decision, action: str, kind: Kind) -> bool:
    """Whether what nobody said could still grant it: an unknown role, or a group of unknown members."""
    if decision.denied_by is not None:
        return False
    for one in access.assignments:
        definition = access.definitions.get(role_guid(one.role_definition_id))
        reached = covers(one.scope, decision.scope)
        ours = one.principal_id.lower() == decision.principal.lower()
        if definition is None:
            if ours and reached and not access.complete:
                return True
        elif (
            access.groups is None
            and one.principal_type == "Group"
            and reached
            and grants(definition.permissions, action, kind) is None
        ):
            return True
    return False


def _why(decision: Decision, names: dict[str, str], noun: str) -> str:
    denied, near = decision.denied_by, decision.nearest
    if denied is not None:
        return f'deny assignment "{denied.role_name}" forbids it'
    if near is None:
        return f"no role with this {noun} is assigned to it, or to anybody, here"
    role = f'"{near.role_name}"'
    if near.miss == "other-principal":
        whom = names.get(near.principal_id, f"another principal ({near.principal_id})")
        return f"{role} is assigned to {whom}, not to {decision.principal}"
    if near.miss == "other-scope":
        return f"{role} is assigned at {near.scope}, which does not cover {decision.scope}"
    if near.miss == "excluded-by-not-action":
        return f"{role} excludes this {noun}"
    return f"it holds {role}, which has no such {noun}"


def _assign(role: str, principal: str, scope: str) -> str:
    return (
        f'az role assignment create --role "{role}" --assignee-object-id {principal} '
        f"--assignee-principal-type ServicePrincipal --scope {scope}"
    )


def _rule(number: int, title: str, why: str, source: str, look: object, severity: str = "error") -> Rule:
    return Rule(f"AZ{number:03}", title, severity, why, source, look, needs_cloud=True)  # type: ignore[arg-type]


RULES = (
    _rule(
        1, "the endpoint names no API Management service that is there",
        "The name does not resolve, or another service answers.",
        "Microsoft's settings reference for the self-hosted gateway", service,
    ),
    _rule(
        2, "the service's tier has no self-hosted gateways",
        "Only Developer and Premium have them; a gateway can't even be created elsewhere.",
        "Microsoft's API gateway overview", tier,
    ),
    _rule(
        3, "the service has no gateway of this name",
        "The configuration API answers 404. The article's Helm tab calls gateway.name the instance's name, "
        "which it is not.",
        _ARTICLE, gateway,
    ),
    _rule(
        4, "no API is assigned to the gateway",
        "The gateway is healthy and answers 404 to every call.",
        "Azure/api-management-self-hosted-gateway#328", no_apis, "warning",
    ),
    _rule(
        5, "the gateway's identity may not read the configuration",
        "The configuration API answers a bare 403. The data action getConfiguration must be held at the "
        "gateway or above, by the service principal's object id.",
        f"{_ARTICLE}; Azure/api-management-self-hosted-gateway, pull request 371", reader,
    ),
    _rule(
        6, "the service has no system-assigned identity",
        "The configuration API checks the caller's role with the service's own system-assigned identity; "
        "without it every request gets a 403.",
        _ARTICLE, no_identity,
    ),
    _rule(
        7, "the service's identity may not read role assignments",
        "The configuration API can't check the caller's role and answers a bare 403, like a missing reader.",
        f"{_ARTICLE}; Azure/api-management-self-hosted-gateway, pull request 371", validator,
    ),
)  # fmt: skip
