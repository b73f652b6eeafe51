"""Ids for what a world leaves unnamed: derived from names, so that the same file gives the same ids.

Works on plain data before validation and touches only what has the expected shape; what has not is
for the model to refuse.
"""

from collections.abc import Iterator
from typing import Any

from apim_emulators.core.ids import derived_uuid


def complete(world: Any) -> Any:
    """`world` (camelCase plain data) with every absent id filled in."""
    if not isinstance(world, dict):
        return world
    for tenant in _named(world, "tenants"):
        domain = tenant["name"]
        _fill(tenant, "id", "tenant", domain)
        for application in _named(tenant, "applications"):
            name = application["name"]
            _fill(application, "appId", "application", domain, name, "appId")
            _fill(application, "objectId", "application", domain, name)
            if application.setdefault("servicePrincipal", {}) is not None:
                _fill(application["servicePrincipal"], "objectId", "servicePrincipal", domain, name)
            _credentials(application, domain, name)
            for secret in _named(application, "clientSecrets"):
                _fill(secret, "keyId", "clientSecret", domain, name, secret["name"])
        for kind in ("groups", "users"):
            for member in _named(tenant, kind):
                _fill(member, "objectId", kind, domain, member["name"])
    for subscription in _named(world, "subscriptions"):
        _subscription(subscription)
    return world


def _subscription(subscription: dict[str, Any]) -> None:
    owner = subscription["name"]
    _fill(subscription, "id", "subscription", owner)
    for group in _named(subscription, "resourceGroups"):
        for service in _named(group, "apiManagementServices"):
            identity = service.setdefault("identity", {})
            _fill(identity, "principalId", "serviceIdentity", owner, group["name"], service["name"])
            _fill(identity, "clientId", "serviceIdentity", owner, group["name"], service["name"], "clientId")
        for identity in _named(group, "userAssignedIdentities"):
            path = (owner, group["name"], identity["name"])
            _fill(identity, "principalId", "userAssignedIdentity", *path)
            _fill(identity, "clientId", "userAssignedIdentity", *path, "clientId")
            _credentials(identity, *path)
    for role in _named(subscription, "roleDefinitions"):
        _fill(role, "id", "roleDefinition", owner, role["name"])
    for denial in _named(subscription, "denyAssignments"):
        _fill(denial, "id", "denyAssignment", owner, denial["name"])
    for assignment in _mappings(subscription, "roleAssignments"):
        what = [str(assignment.get(key, "")) for key in ("role", "principal", "scope")]
        _fill(assignment, "id", "roleAssignment", owner, *what)


def _credentials(holder: dict[str, Any], *path: str) -> None:
    for credential in _named(holder, "federatedIdentityCredentials"):
        _fill(credential, "id", "federatedIdentityCredential", *path, credential["name"])


def _mappings(parent: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    children = parent.get(key)
    if isinstance(children, list):
        yield from (child for child in children if isinstance(child, dict))


def _named(parent: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    return (child for child in _mappings(parent, key) if isinstance(child.get("name"), str))


def _fill(holder: Any, key: str, *parts: str) -> None:
    if isinstance(holder, dict) and not holder.get(key):
        holder[key] = derived_uuid(*parts)
