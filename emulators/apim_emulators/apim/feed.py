"""A gateway's configuration feed: pure. A snapshot at revision R plus the events after R is the state now.

A gateway is told of itself, of the APIs assigned to it and of what these need (policies, named values,
subscriptions, its host names and their certificates), each as an entity. Whatever changes an entity's
data is an event with a revision of its own; the newest events are kept, and a gateway that asks from
before them must take a snapshot. (Shape ours; paging by `$top` and `$skiptoken`, hex revisions and the
compaction to a snapshot follow the public logs, see the behaviours.)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field, to_builtins

from apim_emulators.apim.model import Api, Gateway, Service
from apim_emulators.apim.parts import (
    Certificate,
    CertificateAuthority,
    HostnameConfiguration,
    NamedValue,
    Parts,
    Policy,
    Product,
    Subscription,
    authority_json,
    certificate_json,
    hostname_json,
    named_value_json,
    subscription_json,
)

Operation = Literal["upsert", "delete"]
Entities = Mapping[str, Mapping[str, Any]]


class FeedEvent(Struct, frozen=True):
    """One change of one entity as a gateway is told of it. `data` is empty for a deletion."""

    revision: int
    entity: str
    operation: Operation
    data: dict[str, Any] = field(default_factory=dict)


class Head(Struct, frozen=True):
    """Where a gateway's feed stands. Events after `floor` are kept; those up to `floor` are gone."""

    revision: int
    floor: int


class Page(Struct, frozen=True):
    """Events in order; `next_revision` is where the next page begins."""

    events: tuple[FeedEvent, ...]
    next_revision: int


class Compacted(Struct, frozen=True):
    """The feed no longer reaches back to `asked` (or never got there): a snapshot is needed."""

    asked: int
    floor: int
    head: int


def entities(
    service: Service, gateway: Gateway, apis: Iterable[Api], parts: Parts
) -> dict[str, dict[str, Any]]:
    """What `gateway` is to know, by entity name."""
    served = list(apis)
    told: dict[str, dict[str, Any]] = {"gateway": _gateway(service, gateway)}
    everywhere = parts.get(Policy, f"{service.id}/policies/policy")
    if everywhere is not None:
        told["policy"] = {"policy": everywhere.xml}
    for api in served:
        told[f"apis/{api.name}"] = _api(api, parts)
    for value in parts.below(NamedValue, f"{service.id}/namedValues"):
        told[f"namedValues/{value.name}"] = named_value_json(value)
    told |= _subscriptions(service, served, parts)
    told |= _hosts(gateway, parts)
    return told


def _gateway(service: Service, gateway: Gateway) -> dict[str, Any]:
    told: dict[str, Any] = {
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
    if service.identity is not None:
        told["identity"] = {
            "type": "systemAssigned",
            "clientId": service.identity.client_id,
            "tenantId": service.identity.tenant_id,
        }
    return told


def _api(api: Api, parts: Parts) -> dict[str, Any]:
    told: dict[str, Any] = {
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
            | _policy(f"{api.id}/operations/{operation.name}", parts)
            for operation in api.operations
        ],
    } | _policy(api.id, parts)
    if api.subscription_required:
        told["subscriptionRequired"] = True
    if api.version is not None:
        told |= {"apiVersion": api.version.name, "versioningScheme": api.version.scheme}
        if api.version.scheme == "Query":
            told["versionQueryName"] = api.version.key
        if api.version.scheme == "Header":
            told["versionHeaderName"] = api.version.key
    return told


def _policy(scope_id: str, parts: Parts) -> dict[str, Any]:
    found = parts.get(Policy, f"{scope_id}/policies/policy")
    return {"policy": found.xml} if found else {}


def _subscriptions(service: Service, apis: list[Api], parts: Parts) -> dict[str, dict[str, Any]]:
    """Those that open an API of the gateway, each with the names of these APIs."""
    told = {}
    for subscription in parts.below(Subscription, f"{service.id}/subscriptions"):
        kind, _, name = subscription.scope.rstrip("/").lower().removeprefix("/").rpartition("/")
        if name == "apis":
            covered = [api.name for api in apis]
        elif kind.endswith("products"):
            product = parts.get(Product, f"{service.id}/products/{name}")
            held = {one.lower() for one in product.apis} if product else set()
            covered = [api.name for api in apis if api.name.lower() in held]
        else:
            covered = [api.name for api in apis if api.name.lower() == name]
        if covered:
            told[f"subscriptions/{subscription.name}"] = subscription_json(subscription, covered)
    return told


def _hosts(gateway: Gateway, parts: Parts) -> dict[str, dict[str, Any]]:
    """The gateway's host names with the certificates that they name; its authorities, without keys."""
    told: dict[str, dict[str, Any]] = {}
    for host in parts.below(HostnameConfiguration, f"{gateway.id}/hostnameConfigurations"):
        told[f"hostnameConfigurations/{host.name}"] = hostname_json(host)
        certificate = parts.get(Certificate, host.certificate_id)
        if certificate is not None:
            told[f"certificates/{certificate.name}"] = certificate_json(certificate)
    for authority in parts.below(CertificateAuthority, f"{gateway.id}/certificateAuthorities"):
        found = parts.get(Certificate, f"{gateway.service_id}/certificates/{authority.name}")
        if found is not None:
            told[f"certificateAuthorities/{authority.name}"] = authority_json(authority, found)
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
    shown: dict[str, Any] = to_builtins(event)
    shown["revision"] = f"{event.revision:08x}"
    if event.operation == "delete":
        shown["data"] = None
    return shown
