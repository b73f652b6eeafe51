"""What `az` and `kubectl` print, as the doctor's `Cloud`: the same checks for what is in real Azure.

Each file is one command's JSON; which one, its content tells. An empty list tells nothing, so there
the file's name must. PowerShell's `>` writes UTF-16, which is read too. Shapes: the reference pages of
`az ad app`, `az ad sp`, `az identity`, `az role`, `az apim`, `az aks`, and the REST reference of
Microsoft.ApiManagement gateways.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from apim_emulators.arm.builtin_roles import BUILTIN_ROLES
from apim_emulators.core.rbac import DenyAssignment, Permission, RoleAssignment, RoleDefinition, role_guid
from apim_sandbox.documents import DocumentError, Place, together
from apim_sandbox.insight.doctor.cloud import (
    Access,
    Cloud,
    Cluster,
    Credential,
    Identity,
    Password,
    Service,
    Webhook,
)

COMMANDS = {
    "applications": "az ad app show --id CLIENT_ID > app.json",
    "credentials": "az ad app federated-credential list --id CLIENT_ID > credentials-CLIENT_ID.json",
    "principals": "az ad sp show --id CLIENT_ID > sp.json",
    "assignments": "az role assignment list --all > role-assignments.json",
    "definitions": "az role definition list > role-definitions.json",
    "services": "az apim show -g GROUP -n SERVICE > apim.json",
    "gateways": 'az rest --url "SERVICE_ID/gateways?api-version=2022-08-01" > gateways.json',
    "issuers": "kubectl get --raw /.well-known/openid-configuration > issuer.json",
}
_EMPTY = {
    "credential": "credentials", "assignment": "assignments", "definition": "definitions",
    "gateway": "gateways", "deny": "denials",
}  # fmt: skip
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
MAX_BYTES = 32 * 1024 * 1024


class _Export(Struct):
    """Objects by what they are; each with the file that it came from."""

    found: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    pages: dict[str, dict[str, str]] = field(default_factory=dict)  # by kind: file and link to its next page

    def add(self, kind: str, file: str, value: dict[str, Any] | None = None) -> None:
        listed = self.found.setdefault(kind, [])
        if value is not None:
            listed.append((file, value))

    def of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return self.found.get(kind, [])

    def has(self, kind: str) -> bool:
        return kind in self.found

    def cut(self) -> Iterator[DocumentError]:
        """Lists without their last page, which has no link: what is missing would look as if it were not."""
        for pages in self.pages.values():
            if all(pages.values()):
                file, link = list(pages.items())[-1]
                fix = f"az rest --url '{link}' > next-page.json, beside it"
                yield DocumentError(Place(file), "is one page of a list that goes on", fix)


def from_files(files: Iterable[tuple[str, bytes]], source: str = "the export") -> Cloud:
    """`files` as (name, content). Raises `DocumentError` for all bad files together."""
    export, problems, count = _Export(), [], 0
    for name, content in files:
        count += 1
        try:
            _sort(export, name, _parsed(name, content))
        except DocumentError as error:
            problems.append(error)
    problems += export.cut()
    if not count:
        problems.append(DocumentError(Place(source), "holds no .json file", _first_commands()))
    if problems:
        raise together(problems)
    return Cloud(
        source=source,
        tenants=tuple(dict.fromkeys(_tenants(export))),
        identities=tuple(_identities(export))
        if export.has("applications") or export.has("identities")
        else None,
        services=tuple(_services(export)) if export.has("services") else None,
        clusters=tuple(_clusters(export)),
        access=_access(export),
        unchecked=tuple(command for kind, command in COMMANDS.items() if not _known(export, kind)),
    )


def _known(export: _Export, kind: str) -> bool:
    if kind in ("applications", "credentials", "principals") and export.has("identities"):
        return kind != "credentials" or export.has(kind)
    return export.has(kind) or (kind == "issuers" and export.has("clusters"))


def _first_commands() -> str:
    return "begin with: " + "; ".join(list(COMMANDS.values())[:2])


def _parsed(name: str, content: bytes) -> Any:
    if len(content) > MAX_BYTES:
        raise DocumentError(Place(name), f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
    marks = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig"))
    encoding = next((each for mark, each in marks if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(Place(name), f"is not {encoding.upper()} at byte {error.start}") from None
    if not text.strip():
        raise DocumentError(Place(name), "is empty: the command failed, or printed nothing", "run it again")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fix = "add --output json to the command" if not text.lstrip().startswith(("{", "[")) else ""
        raise DocumentError(
            Place(name, error.lineno, error.colno), f"is not JSON: {error.msg}", fix
        ) from None
    except RecursionError:
        raise DocumentError(Place(name), "is nested too deep") from None


def _sort(export: _Export, name: str, value: Any) -> None:
    link = None
    if isinstance(value, dict) and isinstance(value.get("value"), list) and "id" not in value:
        link = _text(value, "nextLink") or _text(value, "@odata.nextLink")
        value = value["value"]
    if isinstance(value, list) and not value:
        kind = next((kind for word, kind in _EMPTY.items() if word in name.lower()), None)
        if kind is None:
            fix = "put what it lists into the file's name, such as federated-credentials.json"
            raise DocumentError(Place(name), "is an empty list, which does not tell of what", fix)
        export.add(kind, name)
        if link is not None:
            export.pages.setdefault(kind, {})[name] = link
        return
    for index, one in enumerate(value if isinstance(value, list) else [value]):
        kind = _kind(one) if isinstance(one, dict) else None
        if kind is None:
            what = f"item {index + 1} is" if isinstance(value, list) else "is"
            fix = "expected is what one of these prints: " + ", ".join(
                command.partition(" -")[0] for command in COMMANDS.values()
            )
            raise DocumentError(Place(name), f"{what} nothing that the doctor knows", fix)
        export.add(kind, name, one)
        if link is not None:
            export.pages.setdefault(kind, {})[name] = link


def _kind(one: dict[str, Any]) -> str | None:
    type_ = str(one.get("type", "")).lower()
    by_type = {
        "microsoft.apimanagement/service": "services",
        "microsoft.apimanagement/service/gateways": "gateways",
        "microsoft.apimanagement/service/gateways/apis": "gateway-apis",
        "microsoft.managedidentity/userassignedidentities": "identities",
        "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials": "credentials",
        "microsoft.containerservice/managedclusters": "clusters",
        "microsoft.authorization/denyassignments": "denials",
        "microsoft.authorization/roleassignments": "assignments",
        "microsoft.authorization/roledefinitions": "definitions",
    }
    if type_ in by_type:
        return by_type[type_]
    inner = {**_mapping(one.get("properties")), **one}
    if "issuer" in inner and "subject" in inner:
        return "credentials"
    if "roleDefinitionId" in inner and "principalId" in inner:
        return "assignments"
    if "permissions" in inner and ("roleName" in inner or "assignableScopes" in inner):
        return "definitions"
    if "servicePrincipalType" in one or "accountEnabled" in one:
        return "principals"
    if "appId" in one:
        return "applications"
    if "issuer" in one and "jwks_uri" in one:
        return "issuers"
    if "gateways" in str(one.get("id", "")).lower() and "/apis/" in str(one.get("id", "")).lower():
        return "gateway-apis"
    return "accounts" if "tenantId" in one and "environmentName" in one else None


def _tenants(export: _Export) -> Iterator[str]:
    for kind, key in (("accounts", "tenantId"), ("identities", "tenantId")):
        for _, one in export.of(kind):
            if isinstance(one.get(key), str):
                yield one[key].lower()
    for _, one in export.of("services"):
        tenant = _mapping(one.get("identity")).get("tenantId")
        if isinstance(tenant, str):
            yield tenant.lower()


def _identities(export: _Export) -> Iterator[Identity]:
    applications = export.of("applications")
    principals = {_text(one, "appId").lower(): one for _, one in export.of("principals")}
    for _, one in applications:
        client = _text(one, "appId")
        principal = principals.get(client.lower())
        mine = [
            credential
            for file, credential in export.of("credentials")
            if "userassignedidentities" not in _text(credential, "id").lower()
            and _belongs(file, client, _text(one, "id"), alone=len(applications) == 1)
        ]
        known = mine or any(
            _belongs(file, client, _text(one, "id"), alone=len(applications) == 1)
            for file in _files(export, "credentials")
        )
        known = known or (export.has("credentials") and len(applications) == 1)
        yield Identity(
            _text(one, "displayName") or client,
            "application",
            client,
            _text(one, "id"),
            _text(principal, "id") if principal else None,
            principal is None or principal.get("accountEnabled") is not False,
            tuple(map(_credential, mine)) if known else None,
            tuple(_passwords(one)) if "passwordCredentials" in one else None,
        )
    for _, one in export.of("identities"):
        own = {**_mapping(one.get("properties")), **one}
        ours = [
            _credential(credential)
            for _, credential in export.of("credentials")
            if _below(credential, _id(one))
        ]
        yield Identity(
            _text(one, "name"), "identity", _text(own, "clientId"), principal_id=_text(own, "principalId"),
            credentials=tuple(ours) if export.has("credentials") else None,
        )  # fmt: skip


def _files(export: _Export, kind: str) -> set[str]:
    return {file for file, _ in export.of(kind)}


def _belongs(file: str, client: str, object_id: str, *, alone: bool) -> bool:
    """`az ad app federated-credential list` does not say whose they are; the file's name may."""
    named = {one.lower() for one in _GUID.findall(file)}
    return bool({client.lower(), object_id.lower()} & named) if named else alone


def _passwords(application: dict[str, Any]) -> Iterator[Password]:
    """Those that say when they end, as `az ad app show` prints them."""
    listed = application["passwordCredentials"]
    for one in listed if isinstance(listed, list) else ():
        own = _mapping(one)
        try:
            ends = datetime.fromisoformat(_text(own, "endDateTime"))
        except ValueError:
            continue
        ends_at = (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
        yield Password(_text(own, "displayName") or _text(own, "keyId"), ends_at, _text(own, "hint"))


def _credential(one: dict[str, Any]) -> Credential:
    own = {**_mapping(one.get("properties")), **one}
    audiences = own.get("audiences")
    audience = audiences[0] if isinstance(audiences, list) and audiences else ""
    return Credential(_text(one, "name"), _text(own, "issuer"), _text(own, "subject"), str(audience))


def _services(export: _Export) -> Iterator[Service]:
    for _, one in export.of("services"):
        own, identity = _id(one), _mapping(one.get("identity"))
        gateways: dict[str, tuple[str, ...] | None] = {}
        for _, gateway in export.of("gateways"):
            if _below(gateway, own):
                gateways[_text(gateway, "name")] = _apis(export, _id(gateway))
        system = str(identity.get("type", "")).replace(" ", "").lower().startswith("systemassigned")
        yield Service(
            own,
            _text(one, "name"),
            _text(_mapping(one.get("sku")), "name"),
            _text(identity, "principalId") if system else "",
            gateways if export.has("gateways") else None,
        )


def _apis(export: _Export, gateway: str) -> tuple[str, ...] | None:
    found = [_text(one, "name") for _, one in export.of("gateway-apis") if _below(one, gateway)]
    return tuple(found) if found else None


def _clusters(export: _Export) -> Iterator[Cluster]:
    for _, one in export.of("clusters"):
        issuer = _text(_mapping(one.get("oidcIssuerProfile")), "issuerUrl")
        installed = _mapping(_mapping(one.get("securityProfile")).get("workloadIdentity")).get("enabled")
        yield Cluster(issuer, Webhook(enabled=installed is True))
    for _, one in export.of("issuers"):
        yield Cluster(_text(one, "issuer"))


def _access(export: _Export) -> Access | None:
    if not export.has("assignments"):
        return None
    definitions = {role_guid(one.id): one for one in BUILTIN_ROLES}
    for _, one in export.of("definitions"):
        own = {**_mapping(one.get("properties")), **one}
        full = _text(one, "id") or _text(one, "name")
        blocks = own.get("permissions")
        permissions = tuple(_permission(block) for block in blocks) if isinstance(blocks, list) else ()
        definitions[role_guid(full)] = RoleDefinition(full, _text(own, "roleName"), permissions)
    assignments = []
    for _, one in export.of("assignments"):
        own = {**_mapping(one.get("properties")), **one}
        assignments.append(
            RoleAssignment(
                _text(one, "id"), _text(own, "scope"), _text(own, "roleDefinitionId"),
                _text(own, "principalId"), _text(own, "principalType") or "ServicePrincipal",
            )
        )  # fmt: skip
    return Access(
        tuple(assignments), definitions, tuple(_denials(export)), None, complete=export.has("definitions")
    )


def _denials(export: _Export) -> Iterator[DenyAssignment]:
    for _, one in export.of("denials"):
        own = {**_mapping(one.get("properties")), **one}
        blocks = own.get("permissions")
        yield DenyAssignment(
            _text(one, "id"),
            _text(own, "denyAssignmentName"),
            _text(own, "scope"),
            tuple(_permission(block) for block in blocks) if isinstance(blocks, list) else (),
            tuple(_ids(own.get("principals"))),
            tuple(_ids(own.get("excludePrincipals"))),
            own.get("doNotApplyToChildScopes") is not True,
        )


def _ids(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else ():
        yield _text(_mapping(one), "id")


def _permission(block: Any) -> Permission:
    own = _mapping(block)
    names = ("actions", "notActions", "dataActions", "notDataActions")
    return Permission(*(tuple(map(str, own.get(name) or ())) for name in names))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(one: dict[str, Any]) -> str:
    """Its resource id, without the slash that scripts leave at an end."""
    return _text(one, "id").rstrip("/")


def _below(one: dict[str, Any], parent: str) -> bool:
    """Whether a resource belongs to another: ARM compares ids without letter case."""
    return _id(one).lower().startswith(parent.lower() + "/")


def _text(one: dict[str, Any], key: str) -> str:
    value = one.get(key)
    return value if isinstance(value, str) else ""
