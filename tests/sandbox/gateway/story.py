"""A world, a manifest and what became of them: for tests of the whole flow in virtual time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apim_emulators.core.events import ConfigurationAnswered, Event, GatewayLogged, TokenAnswered
from apim_sandbox.cluster.protocol import PodView
from apim_sandbox.examples import article_manifest
from apim_sandbox.virtual_sandbox import VirtualSandbox, virtual_sandbox
from apim_sandbox.world.load import loads
from apim_sandbox.world.ready import ready_text

APIM_API = "2024-05-01"
SUBSCRIPTION = "/subscriptions/22222222-2222-4222-8222-222222222222"
GROUP = f"{SUBSCRIPTION}/resourceGroups/contoso-rg"
SERVICE = f"{GROUP}/providers/Microsoft.ApiManagement/service/contoso"
GATEWAY = f"{SERVICE}/gateways/on-prem"
READER_ROLE = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
VALIDATOR_ROLE = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
GATEWAY_PRINCIPAL = "55555555-5555-4555-8555-555555555555"
SERVICE_PRINCIPAL = "99999999-9999-4999-8999-999999999999"

READER = """\
      - role: API Management Gateway Configuration Reader Role
        principal: apim-gateway
        scope: resourceGroup:contoso-rg
"""
VALIDATOR = """\
      - role: API Management Configuration API Access Validator Service Role
        principal: service:contoso
        scope: resourceGroup:contoso-rg
"""
Changes = Mapping[str, str]


def changed(text: str, changes: Changes) -> str:
    """`text` with each key replaced; a key that it does not hold is a mistake of the test."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not there"
        text = text.replace(old, new)
    return text


@dataclass
class Story:
    """A sandbox with the article's gateway in it, and questions to ask about both."""

    sandbox: VirtualSandbox

    async def deploy(self, changes: Changes | None = None, seconds: float = 30) -> None:
        """Apply the article's manifest with `changes`, and let `seconds` pass."""
        path, text = article_manifest()
        await self.sandbox.apply([(path, changed(text, changes or {}))])
        await self.sandbox.sleep(seconds)

    async def pods(self) -> list[PodView]:
        return [pod for pod in await self.sandbox.cluster.pods() if pod.phase in ("Pending", "Running")]

    async def ready(self) -> list[bool]:
        return [pod.ready for pod in await self.pods()]

    async def restart(self, seconds: float = 30) -> None:
        """Delete every pod; its deployment makes new ones."""
        for pod in await self.pods():
            await self.sandbox.cluster.delete_pod(pod.namespace, pod.name)
        await self.sandbox.sleep(seconds)

    async def call(self, path: str = "/echo/hello") -> list[int]:
        """The status that each pod answers with."""
        return [
            (await self.sandbox.call(pod.namespace, pod.name, path)).status_code for pod in await self.pods()
        ]

    def events(self, kind: type[Event]) -> list[Any]:
        return [record.event for record in self.sandbox.records() if isinstance(record.event, kind)]

    def lines(self, event_type: str) -> list[str]:
        """The gateways' log lines of one event type."""
        return [event.line for event in self.events(GatewayLogged) if event.event_type == event_type]

    def answers(self) -> list[tuple[int, str]]:
        """What the configuration API answered, with the cause, each kind once and in order."""
        found = [
            (event.status, event.cause)
            for event in self.events(ConfigurationAnswered)
            if event.operation != "heartbeat"
        ]
        return list(dict.fromkeys(found))

    def codes(self) -> list[int]:
        """Entra's AADSTS codes to gateways and everybody, each once."""
        return list(dict.fromkeys(event.code for event in self.events(TokenAnswered) if event.code))

    async def gateway_token(self, seconds: float = 30 * 86400, key: str = "primary") -> str:
        """A gateway token through ARM, as `config.service.auth` wants it."""
        end = datetime.fromtimestamp(self.sandbox.clock.now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"keyType": key, "expiry": end}
        answer = await self.arm("POST", f"{GATEWAY}/generateToken", body)
        return f"GatewayKey {answer['value']}"

    async def arm(self, method: str, path: str, body: Any = None, version: str = APIM_API) -> Any:
        return await self.sandbox.arm(method, path, body=body, api_version=version)

    async def assign(self, role: str, principal: str, scope: str = GROUP, **properties: str) -> Any:
        """A role assignment through ARM."""
        name = self.sandbox.around.ids.child("assignment").uuid()
        body = {"properties": {
            "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal, **properties,
        }}  # fmt: skip
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        return await self.arm("PUT", path, body, "2022-04-01")

    async def revoke(self, principal: str, scope: str = GROUP) -> None:
        """Delete the principal's role assignments at `scope`."""
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        for found in (await self.arm("GET", path, None, "2022-04-01"))["value"]:
            if found["properties"]["principalId"] == principal:
                await self.arm("DELETE", found["id"], None, "2022-04-01")


@asynccontextmanager
async def story(changes: Changes | None = None, mode: str = "workload-identity") -> AsyncIterator[Story]:
    """The world for a way to sign in, with `changes` to its text, in virtual time."""
    world = loads(changed(ready_text(mode), changes or {}))
    async with virtual_sandbox(world) as sandbox:
        yield Story(sandbox)
