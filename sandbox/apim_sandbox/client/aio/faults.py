"""What is broken on purpose."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from apim_sandbox.client.aio.control import AsyncControl
from apim_sandbox.client.answers import SandboxError
from apim_sandbox.client.shapes import FaultShown


class AsyncFaults:
    """The faults in force."""

    def __init__(self, control: AsyncControl) -> None:
        self._control = control

    async def add(
        self, fault: str, target: str = "", *, id: str = "", calls: str = "", since: float | None = None,
        until: float | None = None, lasting: float | None = None, tenant: str = "", gateway: str = "",
        path: str = "", method: str = "", chance: float = 1.0, seed: str = "", **arguments: Any,
    ) -> str:  # fmt: skip
        """Break something; the fault's id. `arguments` are the fault's own. Raises `SandboxError`.

        A fault with one target needs none named. `calls`: such as `3..5`; `since` and `until` are in
        epoch seconds of the sandbox's time, `lasting` in seconds from now (or from `since`).
        """
        asked = {
            "target": target, "id": id, "calls": calls, "since": since, "until": until, "lasting": lasting,
            "tenant": tenant, "gateway": gateway, "path": path, "method": method, "seed": seed,
        }  # fmt: skip
        body: dict[str, Any] = {name: value for name, value in asked.items() if value not in (None, "")}
        body |= {"fault": fault, "arguments": arguments}
        if chance != 1.0:
            body["chance"] = chance
        return str((await self._control.json("POST", "/faults", json=body))["id"])

    @asynccontextmanager
    async def during(self, fault: str, target: str = "", **scope_and_arguments: Any) -> AsyncIterator[str]:
        """Break something while the block runs, as `add` does.

        Raises `SandboxError` at its end when the fault never acted: what was tested then is something else.
        """
        fault_id = await self.add(fault, target, **scope_and_arguments)
        try:
            yield fault_id
        except BaseException:
            await self.remove(fault_id)
            raise
        gone = await self.remove(fault_id)
        if not gone["fired"]:
            raise SandboxError(f"fault {fault_id} never acted while it was in force")

    async def list(self) -> tuple[FaultShown, ...]:
        """Every fault in force and how often it acted."""
        return tuple(await self._control.json("GET", "/faults"))

    async def catalogue(self) -> tuple[dict[str, Any], ...]:
        """Every fault that can be added, with its arguments."""
        return tuple(await self._control.json("GET", "/faults/catalogue"))

    async def remove(self, fault_id: str) -> FaultShown:
        """Let one fault be; what it was and how often it acted. Raises `SandboxError` for an unknown id."""
        gone: FaultShown = await self._control.json("DELETE", f"/faults/{fault_id}")
        return gone

    async def clear(self) -> tuple[FaultShown, ...]:
        """Let all of them be; what they were and how often they acted."""
        return tuple(await self._control.json("DELETE", "/faults"))
