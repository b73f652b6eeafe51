"""Snapshot at R plus the events after R is the state now, whatever happens in between."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from apim_emulators.apim import feed
from apim_emulators.apim.feed import Compacted
from apim_emulators.apim.model import Api, Gateway, Operation, Service
from apim_emulators.apim.parts import (
    Certificate,
    HostnameConfiguration,
    NamedValue,
    Part,
    Policy,
    Product,
    Subscription,
)
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore, SqliteStore

SERVICE = Service(
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/contoso", "tenant"
)
GATEWAYS = (Gateway(SERVICE.id, "one"), Gateway(SERVICE.id, "two"))
apis = st.sampled_from(["echo", "users", "orders"])
CERTIFICATE = Certificate(SERVICE.id, "tls", "CN=x", "AB", 0.0, "not a certificate", "not a key")
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Policy, st.sampled_from([SERVICE.id, f"{SERVICE.id}/apis/echo"]), st.sampled_from("12")),
    st.builds(NamedValue, st.just(SERVICE.id), st.sampled_from("ab"), st.just("n"), st.sampled_from("12")),
    st.builds(Product, st.just(SERVICE.id), st.just("p"), st.just(""), st.tuples(apis)),
    st.builds(
        Subscription, st.just(SERVICE.id), st.sampled_from("ab"),
        st.sampled_from(["apis", "apis/echo", "products/p"]).map(lambda end: f"{SERVICE.id}/{end}"),
        st.sampled_from("12"), st.just("2"),
    ),
    st.builds(
        HostnameConfiguration, st.sampled_from([gateway.id for gateway in GATEWAYS]), st.just("h"),
        st.sampled_from(["a.test", "b.test"]), st.sampled_from(["", CERTIFICATE.id]),
    ),
    st.just(CERTIFICATE),
)  # fmt: skip
gateways = st.sampled_from(GATEWAYS)


@dataclass
class Follower:
    """A gateway that follows its feed: takes a snapshot when it must, pages when it can."""

    gateway: Gateway
    revision: int = 0
    entities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def step(self, state: ApimState, top: int) -> bool:
        """One request; False when nothing was new."""
        page = state.events(self.gateway, self.revision, top)
        if isinstance(page, Compacted):
            self.revision, self.entities = state.snapshot(self.gateway)
            return True
        assert len(page.events) <= top
        assert [event.revision for event in page.events] == sorted({e.revision for e in page.events})
        self.revision, self.entities = page.next_revision, feed.apply(self.entities, page.events)
        return bool(page.events)


class Feed(RuleBasedStateMachine):
    """Writers change the service, followers page at their own pace, the process restarts in between."""

    @initialize(length=st.integers(1, 12))
    def begin(self, length: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.settings = ApimSettings("secret", compaction_length=length)
        self.open()
        self.state.put_service(SERVICE)
        for gateway in GATEWAYS:
            self.state.put_gateway(gateway)
        self.followers = [Follower(gateway) for gateway in (*GATEWAYS, GATEWAYS[0])]

    def open(self) -> None:
        self.store = SqliteStore(Path(self.folder.name) / "apim.db")
        self.state = ApimState(self.store, PooledKeys(), self.settings)

    @rule(name=apis, path=st.sampled_from(["a", "b"]), operations=st.integers(0, 2))
    def put_api(self, name: str, path: str, operations: int) -> None:
        made = tuple(Operation(f"o{number}", "GET", f"/{number}") for number in range(operations))
        self.state.put_api(Api(SERVICE.id, name, path, "https://echo.sandbox.test", operations=made))

    @rule(name=apis)
    def delete_api(self, name: str) -> None:
        self.state.delete_api(f"{SERVICE.id}/apis/{name}")

    @rule(gateway=gateways, name=apis)
    def assign(self, gateway: Gateway, name: str) -> None:
        self.state.assign_api(gateway.id, name)

    @rule(gateway=gateways, name=apis)
    def unassign(self, gateway: Gateway, name: str) -> None:
        self.state.unassign_api(gateway.id, name)

    @rule(gateway=gateways, text=st.sampled_from(["home", "away"]))
    def describe(self, gateway: Gateway, text: str) -> None:
        self.state.put_gateway(replace(gateway, description=text))

    @rule(gateway=gateways)
    def recreate(self, gateway: Gateway) -> None:
        self.state.delete_gateway(gateway.id)
        self.state.put_gateway(gateway)

    @rule(part=parts)
    def put_part(self, part: Part) -> None:
        self.state.put_part(part)

    @rule(part=parts)
    def delete_part(self, part: Part) -> None:
        self.state.delete_part(part)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @rule(which=st.integers(0, 2), top=st.integers(1, 100))
    def follow(self, which: int, top: int) -> None:
        self.followers[which].step(self.state, top)

    @invariant()
    def a_snapshot_is_the_state_now(self) -> None:
        if not hasattr(self, "state"):
            return
        for gateway in GATEWAYS:
            current = self.state.gateway(gateway.id)
            assert current is not None
            revision, entities = self.state.snapshot(gateway)
            assert entities == feed.entities(
                SERVICE, current, self.state.apis_of(current), self.state.kept_parts
            )
            assert revision == self.state.head(gateway)

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        for follower in self.followers:
            while follower.step(self.state, 3):
                pass
            revision, entities = self.state.snapshot(follower.gateway)
            assert (follower.revision, follower.entities) == (revision, entities)
        self.store.close()
        self.folder.cleanup()


TestFeed = Feed.TestCase
TestFeed.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_a_change_that_a_gateway_is_not_told_of_makes_no_event() -> None:
    """An API that it does not serve; the same content written again."""
    state = ApimState(MemoryStore(), PooledKeys(), ApimSettings("secret"))
    state.put_service(SERVICE)
    state.put_gateway(GATEWAYS[0])
    before = state.head(GATEWAYS[0])
    state.put_api(Api(SERVICE.id, "echo", "echo", "https://echo.sandbox.test"))
    state.put_gateway(GATEWAYS[0])
    assert state.head(GATEWAYS[0]) == before


def test_a_follower_from_the_future_must_take_a_snapshot() -> None:
    """A skiptoken beyond the newest revision belongs to another life of the service."""
    state = ApimState(MemoryStore(), PooledKeys(), ApimSettings("secret"))
    state.put_service(SERVICE)
    state.put_gateway(GATEWAYS[0])
    head = state.head(GATEWAYS[0])
    assert state.events(GATEWAYS[0], head + 1, 100) == Compacted(head + 1, 0, head)
