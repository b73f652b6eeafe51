"""The sandbox's time."""

from apim_sandbox.client.aio.control import AsyncControl
from apim_sandbox.client.shapes import ClockShown


class AsyncClock:
    """The clock that emulators, embedded kubelet and reference gateways follow."""

    def __init__(self, control: AsyncControl) -> None:
        self._control = control

    async def show(self) -> ClockShown:
        """Now, the offset to real time, and the skews by actor."""
        shown: ClockShown = await self._control.json("GET", "/clock")
        return shown

    async def now(self) -> float:
        """The sandbox's time in epoch seconds."""
        return (await self.show())["now"]

    async def advance(
        self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Move the clock forwards by the sum. Raises `SandboxError` for a step back."""
        step = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        await self._control.request("POST", "/clock/advance", json={"seconds": step})

    async def set(self, moment: float) -> None:
        """Move the clock forwards to a moment (epoch seconds). Raises `SandboxError` for a past one."""
        await self._control.request("POST", "/clock/set", json={"moment": moment})

    async def freeze(self) -> None:
        """Let time stand still: nothing renews, polls or expires until it is moved or goes on."""
        await self._control.request("POST", "/clock/freeze")

    async def unfreeze(self) -> None:
        """Let time go on from where it stands."""
        await self._control.request("POST", "/clock/unfreeze")

    async def skew(self, actor: str, seconds: float) -> None:
        """Let an actor's clock run ahead of the sandbox's by `seconds`, or behind it."""
        await self._control.request("POST", "/clock/skew", json={"actor": actor, "seconds": seconds})
