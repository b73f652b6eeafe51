"""Role assignments by the names that people know."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from apim_emulators.core.ids import RandomIds
from apim_sandbox.client.answers import SandboxError
from apim_sandbox.documents import nearest

if TYPE_CHECKING:
    from apim_sandbox.client.aio.cloud import AsyncArm, AsyncGraph

_AUTHORIZATION = "providers/Microsoft.Authorization"


class RoleAssignment(Struct, frozen=True):
    """Who (`principal`, an object id) holds which role (by its name) where (`scope`)."""

    id: str
    role: str
    principal: str
    scope: str


class AsyncRoleAssignments:
    """The role assignments of the sandbox's first subscription.

    A role is its name or definition id; a principal its display name, client id or object id; a scope
    a resource's id, or the name of a resource group.
    """

    def __init__(self, arm: "AsyncArm", graph: "AsyncGraph") -> None:
        self._arm = arm
        self._graph = graph

    async def list(
        self, *, role: str | None = None, principal: str | None = None, scope: str | None = None
    ) -> tuple[RoleAssignment, ...]:
        """Those that fit all that is given. Raises `SandboxError` for a name that does not exist."""
        roles = await self._roles()
        wanted_role = None if role is None else _one("role", role, roles).lower()
        wanted_principal = None if principal is None else (await self._principal(principal))["id"]
        wanted_scope = None if scope is None else (await self._scope(scope)).lower()
        subscription = await self._arm.subscription()
        path = f"{subscription}/{_AUTHORIZATION}/roleAssignments"
        names = {identifier.lower(): name for name, identifier in roles.items()}
        found = []
        for one in (await self._arm("GET", path))["value"]:
            properties = one["properties"]
            definition = properties["roleDefinitionId"].lower()
            if (
                wanted_role in (None, definition)
                and wanted_principal in (None, properties["principalId"])
                and wanted_scope in (None, properties["scope"].lower())
            ):
                name = names.get(definition, definition)
                found.append(RoleAssignment(one["id"], name, properties["principalId"], properties["scope"]))
        return tuple(found)

    async def add(self, *, role: str, principal: str, scope: str) -> RoleAssignment:
        """Assign a role. Raises `SandboxError`."""
        holder = await self._principal(principal)
        where = await self._scope(scope)
        definition = _one("role", role, await self._roles())
        body = {
            "properties": {
                "roleDefinitionId": definition,
                "principalId": holder["id"],
                "principalType": holder["type"],
            }
        }
        path = f"{where}/{_AUTHORIZATION}/roleAssignments/{RandomIds().uuid()}"
        made = await self._arm("PUT", path, body=body)
        return RoleAssignment(made["id"], role, holder["id"], where)

    async def remove(
        self, *, role: str | None = None, principal: str | None = None, scope: str | None = None
    ) -> tuple[RoleAssignment, ...]:
        """Take away those that fit all that is given; what was taken. Raises `SandboxError` if none does."""
        found = await self.list(role=role, principal=principal, scope=scope)
        given = {"role": role, "principal": principal, "scope": scope}
        sought = ", ".join(f"{name} {value!r}" for name, value in given.items() if value is not None)
        if not sought:
            raise SandboxError("say which role assignments: role=, principal= or scope=")
        if not found:
            held = ", ".join(sorted({one.role for one in await self.list(principal=principal)})) or "none"
            raise SandboxError(f"no role assignment has {sought}; held are {held}")
        for one in found:
            await self._arm("DELETE", one.id)
        return found

    async def _roles(self) -> dict[str, str]:
        """Role definitions' ids by name."""
        subscription = await self._arm.subscription()
        path = f"{subscription}/{_AUTHORIZATION}/roleDefinitions"
        listed = (await self._arm("GET", path))["value"]
        return {one["properties"]["roleName"]: one["id"] for one in listed}

    async def _principal(self, wanted: str) -> dict[str, Any]:
        """`id` and `type` of who is called `wanted`, or has it as object id or client id."""
        known: dict[str, dict[str, Any]] = {}
        for kind, path in (
            ("ServicePrincipal", "/v1.0/servicePrincipals"),
            ("Group", "/v1.0/groups"),
            ("User", "/v1.0/users"),
        ):
            for one in await self._graph.pages(path):
                found = {"id": one["id"], "type": kind}
                if wanted in (one["id"], one.get("appId"), one.get("displayName")):
                    return found
                known[one.get("displayName") or one["id"]] = found
        raise _unknown("principal", wanted, known)

    async def _scope(self, wanted: str) -> str:
        """A resource's id as given, or the id of the resource group of that name."""
        if wanted.startswith("/"):
            return wanted
        subscription = await self._arm.subscription()
        path = f"{subscription}/resourceGroups"
        listed = (await self._arm("GET", path, api_version="2022-09-01"))["value"]
        return _one("resource group", wanted, {one["name"]: one["id"] for one in listed})


def _one(noun: str, wanted: str, known: dict[str, str]) -> str:
    """The id of what is called `wanted`, or is that id. Raises `SandboxError` naming the nearest."""
    for name, identifier in known.items():
        if wanted.lower() in (name.lower(), identifier.lower(), identifier.rpartition("/")[2].lower()):
            return identifier
    raise _unknown(noun, wanted, known)


def _unknown(noun: str, wanted: str, known: dict[str, Any]) -> SandboxError:
    meant = nearest(wanted, known)
    held = [name for name in known if wanted.lower() in name.lower()]
    hint = f"did you mean {meant!r}?" if meant else "there are " + (", ".join(held or list(known)) or "none")
    return SandboxError(f"no {noun} is called {wanted!r}; {hint}")
