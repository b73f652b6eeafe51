"""One run of one scenario: its names resolved in the world, and what its checks look at."""

from typing import Any

import httpx
from anyio.abc import TaskGroup
from msgspec import Struct, field

from apim_emulators.core.events import GatewayChanged
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.protocol import EventView, PodView
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.program import Program
from apim_sandbox.scenario.venue import ActionError, Venue
from apim_sandbox.world import resolve
from apim_sandbox.world.model import Subscription, World
from apim_sandbox.world.seed import default_service_account


class Stage(Struct):
    """One run of one scenario. `epoch` is when it began, in epoch seconds."""

    venue: Venue
    loaded: Loaded
    with_cause: bool
    epoch: float
    tasks: TaskGroup
    gateway_token: str = ""
    refusals: list[str] = field(default_factory=list)
    _program: Program | None = None

    @property
    def program(self) -> Program:
        """The program that signs in by hand; it starts at its first use."""
        if self._program is None:
            name = default_service_account(self.world)
            self._program = Program(self.venue, self.tasks, ServiceAccountName.parse(name))
        return self._program

    @property
    def world(self) -> World:
        return self.venue.world

    @property
    def subscription(self) -> Subscription:
        """The first subscription: scenarios name scopes and roles of it."""
        return self.world.subscriptions[0]

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.venue.now() - self.epoch

    async def sleep_until(self, moment: float) -> None:
        """Until so many seconds after the run began."""
        await self.venue.sleep_until(self.epoch + moment)

    def records(self) -> list[Record]:
        return self.venue.records()

    # --- names

    def scope(self, text: str) -> str:
        return resolve.scope(self.subscription, text)

    def role(self, name: str) -> str:
        return resolve.role(self.subscription, name)

    def principal(self, name: str) -> resolve.Principal:
        tenant = resolve.tenant(self.world, self.subscription.tenant)
        if name.startswith("application:"):  # the wrong id, which RBAC takes without a word
            return resolve.Principal(
                resolve.application(self.world, name.partition(":")[2]).object_id, "ServicePrincipal"
            )
        if name.startswith("client:"):
            return resolve.Principal(
                resolve.application(self.world, name.partition(":")[2]).app_id, "ServicePrincipal"
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
        pods = await self.venue.pods()
        return pods[-1] if pods else None

    async def pod(self, beginning: str) -> PodView:
        """The newest pod whose name begins so. Raises `ActionError`."""
        pods = await self.venue.pods()
        found = [one for one in pods if one.name.startswith(beginning)]
        if not found:
            there = ", ".join(one.name for one in pods) or "none"
            raise ActionError(f'no pod is called "{beginning}…"; there are {there}')
        return found[-1]

    async def logs(self) -> list[str]:
        """The newest pod's log."""
        newest = await self.newest_pod()
        return [] if newest is None else list(await self.venue.logs(newest.namespace, newest.name))

    async def events(self) -> list[EventView]:
        return list(await self.venue.events())

    async def call(self, path: str) -> httpx.Response | None:
        """An API through the newest gateway; None when nobody answers."""
        newest = await self.newest_pod()
        return None if newest is None else await self.venue.call(newest, path)

    def gateway_state(self, pod: PodView | None) -> str:
        """What the gateway in `pod` last said of itself, `none` when it said nothing."""
        for record in reversed(self.records()):
            event = record.event
            if isinstance(event, GatewayChanged) and pod is not None and event.pod == pod.name:
                return event.state
        return "none"


def text_of(value: Any) -> str:
    """A value as an expectation shows it."""
    return f'"{value}"' if isinstance(value, str) else str(value)
