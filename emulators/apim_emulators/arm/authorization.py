"""What a caller may do: the action of a request, and RBAC's answer to it."""

from collections.abc import Iterable

import httpx

from apim_emulators.arm.errors import DIRECTORY_UNAVAILABLE, ArmRefusedError
from apim_emulators.arm.model import AssignmentRecord
from apim_emulators.arm.scopes import ResourceId
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.context import Context
from apim_emulators.core.faults import RevokedRole
from apim_emulators.core.rbac import EVERYONE, Decision, DenyAssignment, RoleAssignment, evaluate

_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


def action_of(method: str, resource: ResourceId) -> str:
    """`Microsoft.ApiManagement/service/gateways/write` for a PUT, `.../listKeys/action` for a POST."""
    return f"{resource.type}/{_VERBS.get(method, 'action')}"


def scope_of(resource: ResourceId) -> str:
    """Where the action is asked for: the resource, or for a collection or a POSTed action its parent."""
    if not resource.is_collection:
        return resource.text
    parent = resource.text.rpartition("/")[0]
    if len(resource.types) > 1:
        return parent
    return parent.rpartition("/providers/")[0] or "/"


class Authorization:
    """RBAC over what ARM remembers, with the caller's groups from Entra."""

    def __init__(self, context: Context, state: ArmState, settings: ArmSettings) -> None:
        self._context = context
        self._state = state
        self._settings = settings

    async def decide(self, principal: str, action: str, scope: str) -> Decision:
        """May `principal` do `action` at `scope`, by what has propagated by now?"""
        now = self._context.clock.now()
        assignments = [record.assignment for record in self.counted(now)]
        denials = list(self._state.deny_assignments(at=now))
        return evaluate(
            principal=principal,
            action=action,
            scope=scope,
            kind="action",
            definitions=self._state.definitions_by_guid(),
            assignments=assignments,
            denials=denials,
            groups=await self.groups(principal, assignments, denials),
            management_groups=self._state.management_groups(scope),
        )

    def counted(self, now: float) -> list[AssignmentRecord]:
        """The assignments that authorization counts with at `now`."""
        records = list(self._state.role_assignments(at=now))
        revoked = self._context.faults.ask(
            RevokedRole, when=lambda one: any(self._names(one, record) for record in records)
        )
        return [record for record in records if revoked is None or not self._names(revoked, record)]

    def _names(self, fault: RevokedRole, record: AssignmentRecord) -> bool:
        role = self._state.role_definition(record.assignment.role_definition_id)
        name = role.definition.role_name if role is not None else ""
        return fault.names(name, record.assignment.principal_id)

    async def groups(
        self, principal: str, assignments: Iterable[RoleAssignment], denials: Iterable[DenyAssignment]
    ) -> tuple[str, ...]:
        """The principal's groups, transitively; Entra is asked only where a group could matter."""
        own = {principal.lower(), EVERYONE, "*"}
        by_group = any(assignment.principal_type == "Group" for assignment in assignments)
        if not by_group and not any(
            identity.lower() not in own
            for denial in denials
            for identity in (*denial.principals, *denial.exclude_principals)
        ):
            return ()
        found = await self.principal(principal)
        members = found.get("memberOf") if found else None
        return tuple(str(group) for group in members) if isinstance(members, list) else ()

    async def principal(self, object_id: str) -> dict[str, object] | None:
        """Entra's word on a directory object, if it has one; raises `ArmRefusedError` in an outage."""
        url = httpx.URL(f"https://{self._settings.login_host}").copy_with(
            path=f"/_sandbox/principals/{object_id}"
        )
        try:
            answer = await self._context.http.get(
                url, headers={"authorization": f"Bearer {self._settings.provider_secret}"}
            )
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError):
            raise ArmRefusedError(DIRECTORY_UNAVAILABLE, purpose="look a principal up") from None
        return found if isinstance(found, dict) else None
