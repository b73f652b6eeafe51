"""What a scenario acts on and looks at: a virtual sandbox, seen through its public routes.

All changes of the cloud go through ARM and Graph as the operator, all of the cluster through its
API. Only what is no action of anybody's (a clock that drifts, a key that the issuer swaps) reaches
into the part concerned, through that part's own state object.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx
from anyio.abc import TaskGroup

from apim_emulators.core.events import ClockMoved, GatewayChanged, ResourceChanged
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import ServiceAccountName, TenantId
from apim_emulators.entra.model import ConditionalAccessPolicy
from apim_emulators.entra.state import Directory
from apim_emulators.oidc.state import IssuerState
from apim_sandbox.cluster.protocol import ClusterError, EventView, PodView
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import ConditionalAccess
from apim_sandbox.scenario.network import Network
from apim_sandbox.scenario.program import Program
from apim_sandbox.virtual_sandbox import VirtualSandbox
from apim_sandbox.world import resolve
from apim_sandbox.world.model import Subscription, World
from apim_sandbox.world.seed import default_service_account


class ActionError(Exception):
    """A step that could not be done: the scenario, not the sandbox, is wrong."""


@dataclass(slots=True)
class Stage:
    """One run of one scenario. `epoch` is when it began, in epoch seconds."""

    sandbox: VirtualSandbox
    loaded: Loaded
    with_cause: bool
    epoch: float
    tasks: TaskGroup
    network: Network = field(default_factory=Network)
    gateway_token: str = ""
    refusals: list[str] = field(default_factory=list)
    _program: Program | None = None

    def __post_init__(self) -> None:
        self.sandbox.wire.fault = self.network.fault

    @property
    def program(self) -> Program:
        """The program that signs in by hand; it starts at its first use."""
        if self._program is None:
            name = default_service_account(self.world)
            self._program = Program(self.sandbox, self.tasks, ServiceAccountName.parse(name))
        return self._program

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def subscription(self) -> Subscription:
        """The first subscription: scenarios name scopes and roles of it."""
        return self.world.subscriptions[0]

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.sandbox.clock.now() - self.epoch

    def records(self) -> list[Record]:
        return self.sandbox.records()

    # --- names

    def scope(self, text: str) -> str:
        return resolve.scope(self.subscription, text)

    def role(self, name: str) -> str:
        return resolve.role(self.subscription, name)

    def principal(self, name: str) -> resolve.Principal:
        tenant = self.world.tenant(self.subscription.tenant)
        if name.startswith("application:"):  # the wrong id, which RBAC takes without a word
            return resolve.Principal(
                self.world.application(name.partition(":")[2]).object_id, "ServicePrincipal"
            )
        if name.startswith("client:"):
            return resolve.Principal(
                self.world.application(name.partition(":")[2]).app_id, "ServicePrincipal"
            )
        return resolve.principal(tenant, self.world.subscriptions, name)

    def assignment_id(self, scope: str, role: str, principal: str) -> str:
        """The name of a new role assignment, the same for the same three."""
        return derived_uuid("scenario", "roleAssignment", scope, role, principal)

    def filled(self, text: str) -> str:
        """`{subscription}`, `{resourceGroup}`, `{service}`, `{gateway}`, `{application}` as ids."""
        group, service = next(resolve.services(self.subscription))
        root = f"/subscriptions/{self.subscription.id}"
        application = next((one for one in self.world.tenants[0].applications), None)
        known = {
            "subscription": root,
            "resourceGroup": f"{root}/resourceGroups/{group.name}",
            "service": resolve.service_id(self.subscription, service.name),
            "gateway": f"{resolve.service_id(self.subscription, service.name)}/gateways/"
            + (service.gateways[0].name if service.gateways else ""),
            "application": application.object_id if application else "",
            "appId": application.app_id if application else "",
            "servicePrincipal": application.service_principal.object_id
            if application and application.service_principal
            else "",
        }
        for name, value in known.items():
            text = text.replace("{" + name + "}", value)
        return text

    # --- pods and gateways

    async def newest_pod(self) -> PodView | None:
        pods = await self.sandbox.cluster.pods()
        return pods[-1] if pods else None

    async def pod(self, beginning: str) -> PodView:
        """The newest pod whose name begins so. Raises `ActionError`."""
        pods = await self.sandbox.cluster.pods()
        found = [one for one in pods if one.name.startswith(beginning)]
        if not found:
            there = ", ".join(one.name for one in pods) or "none"
            raise ActionError(f'no pod is called "{beginning}…"; there are {there}')
        return found[-1]

    async def logs(self) -> list[str]:
        """The newest pod's log."""
        newest = await self.newest_pod()
        if newest is None:
            return []
        try:
            return await self.sandbox.cluster.logs(newest.namespace, newest.name)
        except ClusterError:
            return []

    async def events(self) -> list[EventView]:
        return await self.sandbox.cluster.events()

    async def call(self, path: str) -> httpx.Response | None:
        """An API through the newest gateway; None when nobody answers."""
        newest = await self.newest_pod()
        if newest is None:
            return None
        try:
            return await self.sandbox.call(newest.namespace, newest.name, path)
        except httpx.TransportError:
            return None

    def gateway_state(self, pod: PodView | None) -> str:
        """What the gateway in `pod` last said of itself, `none` when it said nothing."""
        for record in reversed(self.records()):
            event = record.event
            if isinstance(event, GatewayChanged) and pod is not None and event.pod == pod.name:
                return event.state
        return "none"

    # --- what is nobody's action

    def issuer(self) -> IssuerState:
        """The issuer's own state, over the same store and keys."""
        around = self.sandbox.around
        return IssuerState(around.store("oidc"), around.keys, admin_token=around.secrets.admin)

    def block_sign_in(self, wanted: ConditionalAccess) -> None:
        """A policy of the tenant's: Graph's routes for those are not emulated."""
        around, tenant = self.sandbox.around, self.world.tenants[0]
        policy = ConditionalAccessPolicy(
            derived_uuid("scenario", "policy", wanted.name),
            TenantId(tenant.id),
            wanted.name,
            (self.principal(wanted.principal).object_id,),
        )
        Directory(around.store("entra"), around.keys).put_policy(policy)

    def announce_key(self, cluster: str, kid: str) -> None:
        """Tell the journal that the cluster signs with another key, and which keys its JWKS shows."""
        state = self.issuer()
        published = [key.kid for key in state.keys(cluster) if key.published]
        after = {"issuer": state.cluster(cluster).issuer, "published": published}
        self.sandbox.journal.add(
            "oidc",
            self.sandbox.clock.for_actor("oidc").now(),
            ResourceChanged("signingKey", kid, cluster, "created", "cluster", after=after),
            0.0,
        )

    def advance(self, seconds: float) -> None:
        clock = self.sandbox.clock
        clock.advance(seconds)
        self.sandbox.journal.add("control", clock.now(), ClockMoved(advanced=seconds), 0.0)

    def skew(self, actor: str, seconds: float) -> None:
        clock = self.sandbox.clock
        clock.set_skew(actor, seconds)
        self.sandbox.journal.add(
            "control", clock.now(), ClockMoved(advanced=0.0, actor=actor, skew=seconds), 0.0
        )


def text_of(value: Any) -> str:
    """A value as an expectation shows it."""
    return f'"{value}"' if isinstance(value, str) else str(value)
