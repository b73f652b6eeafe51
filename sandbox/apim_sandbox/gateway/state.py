"""The configuration in memory: immutable, replaced whole at every change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from apim_emulators.core.vocabulary import Revision
from apim_sandbox.gateway.configuration import Change, Entity, Snapshot

T = TypeVar("T", bound=msgspec.Struct)


class OperationData(msgspec.Struct, frozen=True, rename="camel"):
    """An operation as the feed carries it. `policy` is XML, empty when it has none."""

    name: str
    method: str = "GET"
    url_template: str = "/"
    policy: str = ""


class SubscriptionKeyNames(msgspec.Struct, frozen=True):
    """Where an API wants its subscription key; the documented defaults."""

    header: str = "Ocp-Apim-Subscription-Key"
    query: str = "subscription-key"


class ApiData(msgspec.Struct, frozen=True, rename="camel"):
    """An API as the feed carries it. `path` without slashes at its ends; empty for the root."""

    name: str
    path: str
    service_url: str | None = None
    protocols: tuple[str, ...] = ("https",)
    display_name: str = ""
    api_revision: str = "1"
    api_version: str = ""
    versioning_scheme: str = ""
    version_query_name: str = ""
    version_header_name: str = ""
    subscription_required: bool = False
    subscription_key_parameter_names: SubscriptionKeyNames | None = None
    operations: tuple[OperationData, ...] = ()
    policy: str = ""

    @property
    def revision_name(self) -> str:
        """As the gateway's log names it: `echo-api;rev=1`."""
        return self.name if ";rev=" in self.name else f"{self.name};rev={self.api_revision}"


class SubscriptionData(msgspec.Struct, frozen=True, rename="camel"):
    """A subscription as the feed carries it; `scope` ends in `/apis` or `/apis/{name}`."""

    primary_key: str = ""
    secondary_key: str = ""
    scope: str = ""
    state: str = "active"
    apis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """All entities at a revision, and what they mean for routing."""

    revision: Revision
    service_name: str
    gateway_id: str
    entities: Mapping[str, Any]
    apis: tuple[ApiData, ...] = field(init=False)
    subscriptions: tuple[SubscriptionData, ...] = field(init=False)
    problems: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        problems: list[str] = []
        object.__setattr__(self, "apis", tuple(_typed(self.entities, "apis/", ApiData, problems)))
        object.__setattr__(
            self, "subscriptions", tuple(_typed(self.entities, "subscriptions/", SubscriptionData, problems))
        )
        object.__setattr__(self, "problems", tuple(problems))

    @classmethod
    def restore(cls, snapshot: Snapshot) -> "Configuration":
        return cls(
            Revision.parse(snapshot.revision),
            snapshot.service_name,
            snapshot.gateway_id,
            {entity.entity: entity.data for entity in snapshot.entities},
        )

    def snapshot(self) -> Snapshot:
        """The inverse of `restore`."""
        entities = tuple(Entity(name, data) for name, data in self.entities.items())
        return Snapshot(str(self.revision), self.service_name, self.gateway_id, entities)

    def apply(self, changes: Iterable[Change], revision: Revision) -> "Configuration":
        """This configuration after `changes`, in their order."""
        entities = dict(self.entities)
        for change in changes:
            if change.operation == "delete":
                entities.pop(change.entity, None)
            else:
                entities[change.entity] = change.data
        return Configuration(revision, self.service_name, self.gateway_id, entities)


def _typed(entities: Mapping[str, Any], prefix: str, type_: type[T], problems: list[str]) -> Iterable[T]:
    for name, data in entities.items():
        # `apis/echo-api/...` is a part of an API with an entity of its own.
        if name.startswith(prefix) and "/" not in name.removeprefix(prefix):
            try:
                yield msgspec.convert(data, type_)
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {error}")
