"""Resource ids and scopes: pure. Matching is case-insensitive throughout, as in ARM."""

from msgspec import Struct

MANAGEMENT_GROUPS = "Microsoft.Management/managementGroups"
ROLE_DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions/"
ROLE_ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments/"
DENY_ASSIGNMENTS = "/providers/Microsoft.Authorization/denyAssignments/"

# The spelling of the words that a path is made of; clients vary it, answers and routes don't.
_WORDS = {
    word.lower(): word
    for word in (
        "subscriptions", "resourceGroups", "providers", "resources", "locations", "tenants",
        "Microsoft.ApiManagement", "Microsoft.Authorization", "Microsoft.ContainerService",
        "Microsoft.ManagedIdentity", "Microsoft.Management", "Microsoft.Resources",
        "managementGroups", "roleAssignments", "roleDefinitions", "denyAssignments",
        "userAssignedIdentities", "federatedIdentityCredentials", "managedClusters",
        "service", "gateways", "apis", "operations", "hostnameConfigurations",
        "certificateAuthorities", "listKeys", "regenerateKey", "generateToken", "token",
        "operationStatuses", "operationResults",
    )
}  # fmt: skip


class ScopeError(ValueError):
    """Not a resource id or scope; the message names the place."""


class ResourceId(Struct, frozen=True):
    """A parsed id. `types` and `names` run in parallel: the last provider's chain.

    `text` has the known words in their own spelling and the names as given. An id that ends in a
    type (a collection, or an action such as `listKeys`) has one more type than names.
    """

    text: str
    subscription: str = ""
    resource_group: str = ""
    management_group: str = ""
    provider: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """`Microsoft.ApiManagement/service/gateways`; `Microsoft.Resources/...` for the containers."""
        if self.provider:
            return "/".join((self.provider, *self.types))
        if self.resource_group:
            return "Microsoft.Resources/subscriptions/resourceGroups"
        return "Microsoft.Resources/subscriptions" if self.subscription else ""

    @property
    def name(self) -> str:
        if self.provider:
            return self.names[-1] if self.names else ""
        return self.resource_group or self.subscription

    @property
    def is_collection(self) -> bool:
        return len(self.types) > len(self.names)


def canonical(path: str) -> str:
    """`path` with repeated and trailing slashes gone and the known words in their own spelling.

    Names stay as given: a word counts only where a type, a provider or a container can stand.
    """
    segments = [segment for segment in path.split("/") if segment]
    spelled: list[str] = []
    at_key, after_providers = True, False
    for segment in segments:
        if after_providers:
            spelled.append(_WORDS.get(segment.lower(), segment))
            after_providers, at_key = False, True
        elif at_key:
            word = _WORDS.get(segment.lower(), segment)
            spelled.append(word)
            after_providers, at_key = word == "providers", False
        else:
            spelled.append(segment)
            at_key = True
    return "/" + "/".join(spelled)


def parse(path: str) -> ResourceId:
    """The parts of a resource id or scope. Raises `ScopeError` naming what does not fit."""
    text = canonical(path)
    segments = [segment for segment in text.split("/") if segment]
    subscription = resource_group = management_group = provider = ""
    types: list[str] = []
    names: list[str] = []
    index = 0
    while index < len(segments):
        key, value = segments[index], segments[index + 1] if index + 1 < len(segments) else ""
        if key == "providers":
            if not value:
                raise ScopeError(f"{text!r} names no provider after 'providers'")
            provider, types, names = value, [], []
        elif provider:
            types.append(key)
            if value:
                names.append(value)
        elif key == "subscriptions" and not subscription and index == 0:
            subscription = value.lower()
        elif key == "resourceGroups" and subscription and not resource_group:
            resource_group = value
        else:
            raise ScopeError(f"{key!r} at segment {index + 1} of {text!r} is not part of a resource id")
        if key in ("subscriptions", "resourceGroups") and not provider and not value:
            raise ScopeError(f"{text!r} ends after {key!r}")
        if f"{provider}/{'/'.join(types)}" == MANAGEMENT_GROUPS and names:
            management_group = names[0]
        index += 2
    return ResourceId(
        text if segments else "/",
        subscription,
        resource_group,
        management_group,
        provider,
        tuple(types),
        tuple(names),
    )


def split_extension(path: str, marker: str) -> tuple[str, str]:
    """An extension resource's id as (scope, name), cut at the last `marker`; scope `/` at the root."""
    text = canonical(path)
    at = text.lower().rfind(marker.lower())
    if at < 0:
        raise ScopeError(f"{path!r} has no {marker.strip('/')!r}")
    return text[:at] or "/", text[at + len(marker) :]


def same(left: str, right: str) -> bool:
    return key(left) == key(right)


def key(resource_id: str) -> str:
    """What a table keeps an id under: lower case, one slash between parts, none at the end."""
    return "/" + "/".join(segment for segment in resource_id.lower().split("/") if segment)


def subscription_of(scope: str) -> str:
    """The subscription's GUID in lower case; empty for scopes above or beside one."""
    segments = [segment for segment in scope.split("/") if segment]
    return segments[1].lower() if len(segments) > 1 and segments[0].lower() == "subscriptions" else ""


def is_management_group(scope: str) -> bool:
    return key(scope).startswith("/providers/microsoft.management/managementgroups/")
