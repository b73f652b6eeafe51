"""A gateway's configuration feed: pure. A snapshot at revision R plus the events after R is the state now.

A gateway is told of itself and of the APIs assigned to it, each as an entity. Whatever changes an
entity's data is an event with a revision of its own; the newest events are kept, and a gateway that
asks from before them must take a snapshot. (Shape ours; paging by `$top` and `$skiptoken`, hex
revisions and the compaction to a snapshot follow the public logs, see the behaviours.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from apim_emulators.apim.model import Api, Gateway, Service

Operation = Literal["upsert", "delete"]
Entities = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One change of one entity as a gateway is told of it. `data` is empty for a deletion."""

    revision: int
    entity: str
    operation: Operation
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a gateway's feed stands. Events after `floor` are kept; those up to `floor` are gone."""

    revision: int
    floor: int


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order; `next_revision` is where the next page begins."""

    events: tuple[FeedEvent, ...]
    next_revision: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """The feed no longer reaches back to `asked` (or never got there): a snapshot is needed."""

    asked: int
    floor: int
    head: int


def entities(service: Service, gateway: Gateway, apis: Iterable[Api]) -> dict[str, dict[str, Any]]:
    """What `gateway` is to know, by entity name."""
    told: dict[str, dict[str, Any]] = {
        "gateway": {
            "name": gateway.name,
            "serviceName": service.name,
            "description": gateway.description,
            "locationData": {
                "name": gateway.location.name,
                "city": gateway.location.city,
                "district": gateway.location.district,
                "countryOrRegion": gateway.location.country_or_region,
            },
        }
    }
    for api in apis:
        told[f"apis/{api.name}"] = {
            "name": api.name,
            "path": api.path,
            "serviceUrl": api.service_url,
            "protocols": list(api.protocols),
            "displayName": api.display_name or api.name,
            "operations": [
                {
                    "name": operation.name,
                    "method": operation.method,
                    "urlTemplate": operation.url_template,
                    "displayName": operation.display_name or operation.name,
                }
                for operation in api.operations
            ],
        }
    return told


def changes(before: Entities, after: Entities) -> list[tuple[str, Operation, dict[str, Any]]]:
    """What turns `before` into `after`: upserts in the order of `after`, then deletions."""
    upserts: list[tuple[str, Operation, dict[str, Any]]] = [
        (name, "upsert", dict(data)) for name, data in after.items() if before.get(name) != data
    ]
    return upserts + [(name, "delete", {}) for name in before if name not in after]


def page(events: Sequence[FeedEvent], head: Head, after: int, top: int) -> Page | Compacted:
    """The first `top` events after revision `after`; `events` are those kept, oldest first."""
    if after < head.floor or after > head.revision:
        return Compacted(after, head.floor, head.revision)
    newer = [event for event in events if event.revision > after][:top]
    return Page(tuple(newer), newer[-1].revision if newer else after)


def apply(state: Entities, events: Iterable[FeedEvent]) -> dict[str, Mapping[str, Any]]:
    """`state` with `events` applied, as a gateway does it."""
    result = dict(state)
    for event in events:
        if event.operation == "delete":
            result.pop(event.entity, None)
        else:
            result[event.entity] = event.data
    return result


def event_json(event: FeedEvent) -> dict[str, Any]:
    shown = asdict(event)
    shown["revision"] = f"{event.revision:08x}"
    if event.operation == "delete":
        shown["data"] = None
    return shown
