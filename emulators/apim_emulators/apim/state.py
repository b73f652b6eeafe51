"""What API Management remembers; a world is loaded through the `put_` methods.

Every change is published to the feeds of the gateways that it concerns before the method returns.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from apim_emulators.apim import feed
from apim_emulators.apim.feed import Compacted, FeedEvent, Head, Page
from apim_emulators.apim.model import Api, Gateway, GatewayApi, GatewayKeys, Instance, Service
from apim_emulators.apim.parts import P, Part, Parts, service_of, shown
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.core.changes import resource_changed
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import Journal
from apim_emulators.core.keys import KeySource
from apim_emulators.core.store import Collection, Store


class Published(Struct, frozen=True):
    """An entity as a gateway was last told of it."""

    data: dict[str, Any]


class Secret(Struct, frozen=True):
    """A private key and its certificate, PEM; in the state file only (mode 0600)."""

    private_key: str
    certificate: str


class ApimState:
    """Services, gateways, APIs, and each gateway's feed.

    Every write is told to `journal`; `create_app` gives its own where none was given, so a world
    that is loaded before is not reported object by object.
    """

    def __init__(
        self, store: Store, keys: KeySource, settings: ApimSettings, journal: Journal | None = None
    ) -> None:
        self.store = store
        self.keys = keys
        self.settings = settings
        self.journal = journal
        self.secrets = store.collection("apim/secrets", Secret)
        self._services = store.collection("apim/services", Service)
        self._gateways = store.collection("apim/gateways", Gateway)
        self._apis = store.collection("apim/apis", Api)
        self._assigned = store.collection("apim/gatewayApis", GatewayApi)
        self._keys = store.collection("apim/gatewayKeys", GatewayKeys)
        self._heads = store.collection("apim/feedHeads", Head)
        self.kept_parts = Parts(store)
        self._instances: dict[str, dict[str, Instance]] = {}

    def forget(self) -> None:
        """Drop what a restart would lose: which instances lately said that they live."""
        self._instances.clear()

    # --- services

    def put_service(self, service: Service, *, by: str = "") -> None:
        before = self.service(service.id)
        self._services.put(service.id.lower(), service)
        self._tell("service", service.id, service.name, before, service, by)
        self._publish_service(service.id)

    def service(self, service_id: str) -> Service | None:
        return self._services.get(service_id.lower())

    def services(self) -> Iterator[Service]:
        return self._services.values()

    def service_of_host(self, host: str) -> Service | None:
        """The service whose configuration endpoint `host` is; the default one for a host that names none."""
        host = host.lower().rstrip(".")
        name, dot, domain = host.partition(".")
        wanted = name if dot and domain == self.settings.configuration_domain else ""
        for service in self.services():
            if service.name.lower() == wanted or host in (own.lower() for own in service.host_names):
                return service
        default = "" if wanted else self.settings.default_service.lower()
        return next((found for found in self.services() if default and found.name.lower() == default), None)

    def has_custom_host(self, host: str) -> bool:
        """Whether `host` (lower case) is a further host name of a service's configuration endpoint."""
        return any(host == own.lower() for service in self.services() for own in service.host_names)

    def delete_service(self, service_id: str, *, by: str = "") -> Service | None:
        before = self.service(service_id)
        if before is None:
            return None
        for gateway in list(self.gateways(service_id)):
            self.delete_gateway(gateway.id, by=by)
        for api in list(self.apis(service_id)):
            self.delete_api(api.id, by=by)
        self._remove_below(service_id, by)
        self._services.delete(service_id.lower())
        self._tell("service", before.id, before.name, before, None, by)
        return before

    # --- gateways

    def put_gateway(self, gateway: Gateway, *, by: str = "") -> None:
        before = self.gateway(gateway.id)
        self._gateways.put(gateway.id.lower(), gateway)
        self._tell("gateway", gateway.id, gateway.name, before, gateway, by)
        self._publish(gateway)

    def gateway(self, gateway_id: str) -> Gateway | None:
        return self._gateways.get(gateway_id.lower())

    def gateways(self, service_id: str) -> Iterator[Gateway]:
        wanted = service_id.lower()
        return (gateway for gateway in self._gateways.values() if gateway.service_id.lower() == wanted)

    def delete_gateway(self, gateway_id: str, *, by: str = "") -> Gateway | None:
        before = self.gateway(gateway_id)
        if before is None:
            return None
        for assigned in list(self.gateway_apis(gateway_id)):
            self._assigned.delete(assigned.id.lower())
        self._remove_below(gateway_id, by)
        self._gateways.delete(gateway_id.lower())
        self._keys.delete(gateway_id.lower())
        self._tell("gateway", before.id, before.name, before, None, by)
        return before

    def gateway_revision(self, gateway_id: str) -> int:
        """The store's revision of the gateway resource: its ETag."""
        return self._gateways.revision_of(gateway_id.lower())

    def keys_of(self, gateway_id: str, ids: Ids) -> GatewayKeys:
        """The gateway's keys, made at the first need."""
        found = self._keys.get(gateway_id.lower())
        if found is None:
            found = GatewayKeys(ids.secret(64), ids.secret(64))
            self._keys.put(gateway_id.lower(), found)
        return found

    def existing_keys(self, gateway_id: str) -> GatewayKeys | None:
        """The gateway's keys, if anybody ever asked for them."""
        return self._keys.get(gateway_id.lower())

    def put_keys(self, gateway_id: str, keys: GatewayKeys) -> None:
        self._keys.put(gateway_id.lower(), keys)

    # --- APIs

    def put_api(self, api: Api, *, by: str = "") -> None:
        before = self.api(api.id)
        self._apis.put(api.id.lower(), api)
        self._tell("api", api.id, api.name, before, api, by)
        self._publish_api(api)

    def api(self, api_id: str) -> Api | None:
        return self._apis.get(api_id.lower())

    def apis(self, service_id: str) -> Iterator[Api]:
        wanted = service_id.lower()
        return (api for api in self._apis.values() if api.service_id.lower() == wanted)

    def api_revision(self, api_id: str) -> int:
        return self._apis.revision_of(api_id.lower())

    def delete_api(self, api_id: str, *, by: str = "") -> Api | None:
        before = self.api(api_id)
        if before is not None:
            self._apis.delete(api_id.lower())
            self._tell("api", before.id, before.name, before, None, by)
            self._remove_below(before.id, by)
            for gateway in list(self.gateways(before.service_id)):
                self.unassign_api(gateway.id, before.name, by=by)
        return before

    def assign_api(self, gateway_id: str, api_name: str, *, by: str = "") -> bool:
        """Make an API available on a gateway; False when it was already."""
        assigned = GatewayApi(gateway_id, api_name)
        before = self._assigned.get(assigned.id.lower())
        if before is not None:
            return False
        self._assigned.put(assigned.id.lower(), assigned)
        self._tell("gatewayApi", assigned.id, api_name, None, assigned, by)
        self._publish_id(gateway_id)
        return True

    def unassign_api(self, gateway_id: str, api_name: str, *, by: str = "") -> bool:
        assigned = self._assigned.get(GatewayApi(gateway_id, api_name).id.lower())
        if assigned is None:
            return False
        self._assigned.delete(assigned.id.lower())
        self._tell("gatewayApi", assigned.id, api_name, assigned, None, by)
        self._publish_id(gateway_id)
        return True

    def gateway_apis(self, gateway_id: str) -> Iterator[GatewayApi]:
        wanted = gateway_id.lower()
        return (found for found in self._assigned.values() if found.gateway_id.lower() == wanted)

    def apis_of(self, gateway: Gateway) -> Iterator[Api]:
        """The APIs that `gateway` serves."""
        for assigned in self.gateway_apis(gateway.id):
            api = self.api(f"{gateway.service_id}/apis/{assigned.api_name}")
            if api is not None:
                yield api

    # --- policies, named values, certificates, products, subscriptions, host names

    def put_part(self, part: Part, *, by: str = "") -> None:
        before = self.kept_parts.get(type(part), part.id)
        self.kept_parts.put(part)
        self._tell(part.noun, part.id, part.id.rpartition("/")[2], before, part, by)
        self._publish_service(service_of(part.id))

    def part(self, kind: type[P], part_id: str) -> P | None:
        return self.kept_parts.get(kind, part_id)

    def parts(self, kind: type[P], owner_id: str) -> list[P]:
        """All of a kind below `owner_id`."""
        return self.kept_parts.below(kind, owner_id)

    def part_revision(self, part: Part) -> int:
        return self.kept_parts.revision_of(part)

    def delete_part(self, part: Part, *, by: str = "") -> None:
        self.kept_parts.delete(part)
        self._tell(part.noun, part.id, part.id.rpartition("/")[2], part, None, by)
        self._publish_service(service_of(part.id))

    def _remove_below(self, owner_id: str, by: str) -> None:
        for part in list(self.kept_parts.everything_below(owner_id)):
            self.kept_parts.delete(part)
            self._tell(part.noun, part.id, part.id.rpartition("/")[2], part, None, by)

    # --- the feed

    def snapshot(self, gateway: Gateway) -> tuple[int, dict[str, dict[str, Any]]]:
        """The feed's newest revision, and every entity at it."""
        head = self._heads.get(gateway.id.lower()) or Head(0, 0)
        return head.revision, {name: told.data for name, told in self._told(gateway).items()}

    def head(self, gateway: Gateway) -> int:
        head = self._heads.get(gateway.id.lower())
        return head.revision if head else 0

    def events(self, gateway: Gateway, after: int, top: int) -> Page | Compacted:
        head = self._heads.get(gateway.id.lower()) or Head(0, 0)
        if after == head.revision:  # the usual poll: nothing new
            return Page((), after)
        return feed.page(list(self._events(gateway).values()), head, after, top)

    # --- instances

    def heartbeat(self, instance: Instance) -> None:
        """Remember that an instance is alive. Kept in memory: it is news, not configuration."""
        self._instances.setdefault(instance.gateway_id.lower(), {})[instance.id] = instance

    def instances(self, gateway_id: str, now: float) -> list[Instance]:
        """The gateway's instances that were heard of within `gone_after`, by id."""
        known = self._instances.get(gateway_id.lower(), {})
        alive = {
            name: found for name, found in known.items() if found.last_seen > now - self.settings.gone_after
        }
        self._instances[gateway_id.lower()] = alive
        return [alive[name] for name in sorted(alive)]

    def forget_instances(self) -> None:
        """No gateway was ever heard of: the next test's world."""
        self._instances.clear()

    # --- publishing

    def _told(self, gateway: Gateway) -> dict[str, Published]:
        return dict(self._told_to(gateway).items())

    def _told_to(self, gateway: Gateway) -> Collection[Published]:
        return self.store.collection(f"apim/told/{gateway.id.lower()}", Published)

    def _events(self, gateway: Gateway) -> Collection[FeedEvent]:
        return self.store.collection(f"apim/feed/{gateway.id.lower()}", FeedEvent)

    def _publish_api(self, api: Api) -> None:
        for gateway in self.gateways(api.service_id):
            if any(found.api_name.lower() == api.name.lower() for found in self.gateway_apis(gateway.id)):
                self._publish(gateway)

    def _publish_service(self, service_id: str) -> None:
        for gateway in list(self.gateways(service_id)):
            self._publish(gateway)

    def _publish_id(self, gateway_id: str) -> None:
        gateway = self.gateway(gateway_id)
        if gateway is not None:
            self._publish(gateway)

    def _publish(self, gateway: Gateway) -> None:
        """Append what changed for `gateway` to its feed, and drop what is beyond its length."""
        service = self.service(gateway.service_id)
        if service is None:
            return
        after = feed.entities(service, gateway, self.apis_of(gateway), self.kept_parts)
        _, before = self.snapshot(gateway)
        key = gateway.id.lower()
        events, told = self._events(gateway), self._told_to(gateway)
        for entity, operation, data in feed.changes(before, after):
            head = self._heads.get(key) or Head(0, 0)
            revision = self.store.revision + 1
            events.put(f"{revision:08x}", FeedEvent(revision, entity, operation, data))
            if operation == "delete":
                told.delete(entity)
            else:
                told.put(entity, Published(data))
            floor = head.floor
            kept = [event.revision for event in events.values()]
            for gone in kept[: max(0, len(kept) - self.settings.compaction_length)]:
                events.delete(f"{gone:08x}")
                floor = gone
            self._heads.put(key, Head(revision, floor))

    def _tell(self, noun: str, id_: str, name: str, before: Any, after: Any, by: str) -> None:
        event = resource_changed(noun, id_, name, before, after, by, shown)
        if self.journal is not None and event is not None:
            self.journal.append(event)
