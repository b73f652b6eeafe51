"""What ARM remembers, on a revisioned store; a world is loaded through the `put_` methods.

Role and deny assignments are written with a `visible_at`: whoever lists them sees a write at once,
whoever *authorizes* with them sees it once it has propagated (Microsoft: up to ten minutes).
"""

from collections.abc import Iterator
from typing import Any

from apim_emulators.arm.builtin_roles import BUILTIN_ROLES
from apim_emulators.arm.model import (
    AssignmentRecord,
    Audit,
    DefinitionRecord,
    ManagedCluster,
    ResourceGroup,
    Subscription,
    UserAssignedIdentity,
)
from apim_emulators.arm.scopes import is_management_group, key, subscription_of
from apim_emulators.core.changes import resource_changed
from apim_emulators.core.journal import Journal
from apim_emulators.core.rbac import DenyAssignment, RoleAssignment, RoleDefinition, covers, role_guid
from apim_emulators.core.store import ALWAYS, Store

_BUILTIN = {role_guid(role.id): DefinitionRecord(role) for role in BUILTIN_ROLES}


class ArmState:
    """Subscriptions, groups, identities, clusters and RBAC.

    Every write is told to `journal`; `create_app` gives its own where none was given, so a world
    that is loaded before is not reported object by object.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self.store = store
        self.journal = journal
        self._subscriptions = store.collection("arm/subscriptions", Subscription)
        self._groups = store.collection("arm/resourceGroups", ResourceGroup)
        self._clusters = store.collection("arm/managedClusters", ManagedCluster)
        self._identities = store.collection("arm/userAssignedIdentities", UserAssignedIdentity)
        self._definitions = store.collection("arm/roleDefinitions", DefinitionRecord)
        self._assignments = store.collection("arm/roleAssignments", AssignmentRecord)
        self._denials = store.collection("arm/denyAssignments", DenyAssignment)

    # --- containers

    def put_subscription(self, subscription: Subscription, *, by: str = "") -> None:
        before = self.subscription(subscription.id)
        self._subscriptions.put(subscription.id.lower(), subscription)
        self._tell("subscription", subscription.resource_id, subscription.name, before, subscription, by)

    def subscription(self, subscription_id: str) -> Subscription | None:
        return self._subscriptions.get(subscription_id.lower())

    def subscriptions(self) -> Iterator[Subscription]:
        return self._subscriptions.values()

    def put_resource_group(self, group: ResourceGroup, *, by: str = "") -> None:
        before = self._groups.get(key(group.id))
        self._groups.put(key(group.id), group)
        self._tell("resourceGroup", group.id, group.name, before, group, by)

    def resource_group(self, resource_id: str) -> ResourceGroup | None:
        return self._groups.get(key(resource_id))

    def resource_groups(self, subscription_id: str) -> Iterator[ResourceGroup]:
        wanted = subscription_id.lower()
        return (group for group in self._groups.values() if group.subscription_id.lower() == wanted)

    def management_groups(self, scope: str) -> tuple[str, ...]:
        """The management groups above the subscription of `scope`."""
        subscription = self.subscription(subscription_of(scope))
        return subscription.management_groups if subscription else ()

    # --- resources

    def put_managed_cluster(self, cluster: ManagedCluster, *, by: str = "") -> None:
        before = self._clusters.get(key(cluster.id))
        self._clusters.put(key(cluster.id), cluster)
        self._tell("managedCluster", cluster.id, cluster.name, before, cluster, by)

    def managed_cluster(self, resource_id: str) -> ManagedCluster | None:
        return self._clusters.get(key(resource_id))

    def managed_clusters(self, scope: str) -> Iterator[ManagedCluster]:
        return (cluster for cluster in self._clusters.values() if covers(scope, cluster.id))

    def put_identity(self, identity: UserAssignedIdentity, *, by: str = "") -> None:
        before = self._identities.get(key(identity.id))
        self._identities.put(key(identity.id), identity)
        self._tell("userAssignedIdentity", identity.id, identity.name, before, identity, by)

    def delete_identity(self, resource_id: str, *, by: str = "") -> UserAssignedIdentity | None:
        before = self._identities.get(key(resource_id))
        if before is not None:
            self._identities.delete(key(resource_id))
            self._tell("userAssignedIdentity", before.id, before.name, before, None, by)
        return before

    def identity(self, resource_id: str) -> UserAssignedIdentity | None:
        return self._identities.get(key(resource_id))

    def identities(self, scope: str) -> Iterator[UserAssignedIdentity]:
        return (identity for identity in self._identities.values() if covers(scope, identity.id))

    # --- RBAC

    def put_role_definition(
        self, definition: RoleDefinition, *, audit: Audit | None = None, by: str = ""
    ) -> DefinitionRecord:
        """Write a custom role. The GUID at the end of its id is its key wherever it is named."""
        guid = role_guid(definition.id)
        before = self._definitions.get(guid)
        record = DefinitionRecord(definition, audit or Audit())
        self._definitions.put(guid, record)
        self._tell(
            "roleDefinition",
            definition.id,
            definition.role_name,
            before.definition if before else None,
            definition,
            by,
        )
        return record

    def delete_role_definition(self, guid: str, *, by: str = "") -> DefinitionRecord | None:
        before = self._definitions.get(guid.lower())
        if before is not None:
            self._definitions.delete(guid.lower())
            role = before.definition
            self._tell("roleDefinition", role.id, role.role_name, role, None, by)
        return before

    def role_definition(self, role_definition_id: str) -> DefinitionRecord | None:
        """By id or GUID; built-in roles are known everywhere."""
        guid = role_guid(role_definition_id)
        return _BUILTIN.get(guid) or self._definitions.get(guid)

    def role_definitions(self) -> Iterator[DefinitionRecord]:
        """Built-in roles first, then custom ones in the order in which they were made."""
        yield from _BUILTIN.values()
        yield from self._definitions.values()

    def definitions_by_guid(self) -> dict[str, RoleDefinition]:
        """What `core.rbac.evaluate` looks roles up in."""
        return {role_guid(record.definition.id): record.definition for record in self.role_definitions()}

    def put_role_assignment(
        self,
        assignment: RoleAssignment,
        *,
        description: str | None = None,
        audit: Audit | None = None,
        visible_at: float = 0.0,
        by: str = "",
    ) -> AssignmentRecord:
        """Write an assignment; authorization counts with it from `visible_at` (epoch seconds) on."""
        before = self.role_assignment(assignment.id)
        record = AssignmentRecord(assignment, description, audit or Audit())
        self._assignments.put(key(assignment.id), record, visible_at=visible_at)
        self._tell_assignment(before.assignment if before else None, assignment, by)
        return record

    def delete_role_assignment(
        self, assignment_id: str, *, visible_at: float = 0.0, by: str = ""
    ) -> AssignmentRecord | None:
        before = self.role_assignment(assignment_id)
        if before is not None:
            self._assignments.delete(key(assignment_id), visible_at=visible_at)
            self._tell_assignment(before.assignment, None, by)
        return before

    def role_assignment(self, assignment_id: str) -> AssignmentRecord | None:
        return self._assignments.get(key(assignment_id))

    def role_assignments(self, *, at: float = ALWAYS) -> Iterator[AssignmentRecord]:
        """All assignments: as written, or as authorization sees them `at` a moment."""
        return self._assignments.values(at=at)

    def put_deny_assignment(self, denial: DenyAssignment, *, visible_at: float = 0.0, by: str = "") -> None:
        before = self._denials.get(key(denial.id))
        self._denials.put(key(denial.id), denial, visible_at=visible_at)
        self._tell("denyAssignment", denial.id, denial.name, before, denial, by)

    def delete_deny_assignment(self, denial_id: str, *, visible_at: float = 0.0, by: str = "") -> bool:
        """Deny assignments are the platform's: no public route deletes one; a world may."""
        before = self._denials.get(key(denial_id))
        if before is not None:
            self._denials.delete(key(denial_id), visible_at=visible_at)
            self._tell("denyAssignment", before.id, before.name, before, None, by)
        return before is not None

    def deny_assignments(self, *, at: float = ALWAYS) -> Iterator[DenyAssignment]:
        return self._denials.values(at=at)

    def listed_at(self, scope: str, assigned: str, *, below: bool) -> bool:
        """Whether a list at `scope` shows what was assigned at `assigned`: at, above and, if asked, below."""
        if covers(assigned, scope) or (below and covers(scope, assigned)):
            return True
        if not is_management_group(assigned):
            return False
        return any(key(group) == key(assigned) for group in self.management_groups(scope))

    # --- the journal

    def _tell_assignment(self, before: RoleAssignment | None, after: RoleAssignment | None, by: str) -> None:
        assignment = after or before
        assert assignment is not None
        role = self.role_definition(assignment.role_definition_id)
        name = role.definition.role_name if role else role_guid(assignment.role_definition_id)
        self._tell("roleAssignment", assignment.id, name, before, after, by)

    def _tell(self, noun: str, id_: str, name: str, before: Any, after: Any, by: str) -> None:
        event = resource_changed(noun, id_, name, before, after, by)
        if self.journal is not None and event is not None:
            self.journal.append(event)
