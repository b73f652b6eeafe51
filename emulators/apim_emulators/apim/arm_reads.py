"""What the configuration API asks ARM, with the service's own identity, and how it reads the answers."""

from functools import lru_cache
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from apim_emulators.apim.identity import ServiceIdentities
from apim_emulators.apim.model import Service
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.core.context import Context
from apim_emulators.core.jose import JoseError, unb64url
from apim_emulators.core.rbac import (
    Decision,
    DenyAssignment,
    Permission,
    RoleAssignment,
    RoleDefinition,
    role_guid,
)

API_VERSION = "2022-04-01"
_AUTHORIZATION = "/providers/Microsoft.Authorization/"
_MAX_KEPT = 10_000


class ArmReadError(Exception):
    """ARM did not let the service read. `cause`: validator-not-granted, arm-unreachable."""

    def __init__(self, cause: str, problem: str, decision: Decision | None = None) -> None:
        self.cause = cause
        self.problem = problem
        self.decision = decision
        super().__init__(f"{cause}: {problem}")


class Rbac(Struct, frozen=True):
    """RBAC as it concerns one principal. `decision` is ARM's word on the service's right to read it.

    `fresh` where nothing of it was kept from an earlier read.
    """

    assignments: tuple[RoleAssignment, ...]
    definitions: dict[str, RoleDefinition]
    denials: tuple[DenyAssignment, ...]
    decision: Decision | None
    fresh: bool = True


class _Kept(Struct, frozen=True):
    until: float
    definitions: dict[str, RoleDefinition]
    denials: tuple[DenyAssignment, ...]


class ArmReads:
    """Role assignments, role definitions and deny assignments at a service's scope."""

    def __init__(self, context: Context, identities: ServiceIdentities, settings: ApimSettings) -> None:
        self._context = context
        self._identities = identities
        self._settings = settings
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def rbac(self, service: Service, principal: str, *, fresh: bool = False) -> Rbac:
        """What reaches `principal` at, above and below the service; ARM follows its groups.

        Assignments are read every time; definitions and denials may be kept ones unless `fresh`.
        Raises `ArmReadError`, and `IdentityError` where the service can't even sign in.
        """
        assigned_to = f"assignedTo('{principal}')"
        assignments, decision = await self._list(service, "roleAssignments", assigned_to)
        now, key = self._context.clock.now(), (service.id.lower(), principal)
        kept = self._kept.get(key)
        usable = kept is not None and now < kept.until and not fresh
        if kept is None or not usable:
            definitions, _ = await self._list(service, "roleDefinitions", "")
            denials, _ = await self._list(service, "denyAssignments", assigned_to)
            kept = _Kept(
                now + self._settings.definitions_cache_seconds,
                {role_guid(value["id"]): _definition(value) for value in definitions},
                tuple(_denial(value, principal) for value in denials),
            )
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = kept
        held = tuple(_assignment(value) for value in assignments)
        return Rbac(held, kept.definitions, kept.denials, decision, fresh=not usable)

    async def everybodys(self, service: Service) -> tuple[RoleAssignment, ...]:
        """All assignments at or above the service: to name the one that was probably meant."""
        values, _ = await self._list(service, "roleAssignments", "atScope()")
        return tuple(_assignment(value) for value in values)

    async def _list(
        self, service: Service, what: str, filter_: str
    ) -> tuple[list[dict[str, Any]], Decision | None]:
        answer = await self._get(service, what, filter_)
        if answer.status_code == 401:  # Entra's keys or the identity changed under a kept token
            self._identities.forget(service)
            answer = await self._get(service, what, filter_)
        decision = _decision(answer)
        if answer.status_code in (401, 403):
            raise ArmReadError("validator-not-granted", _message(answer), decision)
        if answer.status_code != 200:
            raise ArmReadError("arm-unreachable", f"ARM answered {answer.status_code}: {_message(answer)}")
        try:
            value = answer.json()["value"]
        except (ValueError, KeyError, TypeError):
            raise ArmReadError("arm-unreachable", "ARM's answer can't be read") from None
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ArmReadError("arm-unreachable", "ARM's answer is not a list")
        return value, decision

    async def _get(self, service: Service, what: str, filter_: str) -> httpx.Response:
        token = await self._identities.token(service)
        try:
            return await self._context.http.get(
                _url(self._settings.arm_host, service.id, what, filter_),
                headers={
                    "authorization": f"Bearer {token}",
                    "x-sandbox-provider-secret": self._settings.provider_secret,
                },
            )
        except httpx.HTTPError as error:
            raise ArmReadError("arm-unreachable", repr(error)) from None


@lru_cache(maxsize=1024)
def _url(host: str, service_id: str, what: str, filter_: str) -> httpx.URL:
    """Parsed once: httpx takes longer over a URL than ARM over the answer."""
    params = {"api-version": API_VERSION} | ({"$filter": filter_} if filter_ else {})
    return httpx.URL(f"https://{host}{service_id}{_AUTHORIZATION}{what}", params=params)


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _decision(answer: httpx.Response) -> Decision | None:
    """How ARM decided; it tells resource providers (a header of ours), so that the reason can be named."""
    try:
        return msgspec.json.decode(unb64url(answer.headers.get("x-sandbox-decision", "")), type=Decision)
    except (JoseError, msgspec.MsgspecError):
        return None


def _assignment(value: dict[str, Any]) -> RoleAssignment:
    properties = value["properties"]
    return RoleAssignment(
        id=value["id"],
        scope=properties["scope"],
        role_definition_id=properties["roleDefinitionId"],
        principal_id=properties["principalId"],
        principal_type=properties.get("principalType") or "ServicePrincipal",
    )


def _definition(value: dict[str, Any]) -> RoleDefinition:
    properties = value["properties"]
    return RoleDefinition(
        id=value["id"],
        role_name=properties["roleName"],
        permissions=_permissions(properties),
        assignable_scopes=tuple(properties.get("assignableScopes", ())),
        description=properties.get("description") or "",
        custom=properties.get("type") != "BuiltInRole",
    )


def _denial(value: dict[str, Any], principal: str) -> DenyAssignment:
    """ARM listed it as reaching `principal`, by its groups too; so it names the principal itself here."""
    properties = value["properties"]
    return DenyAssignment(
        id=value["id"],
        name=properties["denyAssignmentName"],
        scope=properties["scope"],
        permissions=_permissions(properties),
        principals=(principal,),
        applies_to_children=not properties.get("doNotApplyToChildScopes", False),
    )


def _permissions(properties: dict[str, Any]) -> tuple[Permission, ...]:
    return tuple(
        Permission(
            tuple(block.get("actions") or ()),
            tuple(block.get("notActions") or ()),
            tuple(block.get("dataActions") or ()),
            tuple(block.get("notDataActions") or ()),
        )
        for block in properties.get("permissions", ())
    )
