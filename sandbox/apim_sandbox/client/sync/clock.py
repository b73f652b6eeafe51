# Written by scripts/docs from client/aio: change it there.
"""The sandbox's time."""

from apim_sandbox.client.shapes import ClockShown
from apim_sandbox.client.sync.control import Control


class Clock:
    """The clock that emulators, embedded kubelet and reference gateways follow."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def show(self) -> ClockShown:
        """Now, the offset to real time, and the skews by actor."""
        shown: ClockShown = self._control.json("GET", "/clock")
        return shown

    def now(self) -> float:
        """The sandbox's time in epoch seconds."""
        return (self.show())["now"]

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock forwards by the sum. Raises `SandboxError` for a step back."""
        step = seconds + 60 * (minutes + 60 * (hours + 24 * days))
        self._control.request("POST", "/clock/advance", json={"seconds": step})

    def set(self, moment: float) -> None:
        """Move the clock forwards to a moment (epoch seconds). Raises `SandboxError` for a past one."""
        self._control.request("POST", "/clock/set", json={"moment": moment})

    def freeze(self) -> None:
        """Let time stand still: nothing renews, polls or expires until it is moved or goes on."""
        self._control.request("POST", "/clock/freeze")

    def unfreeze(self) -> None:
        """Let time go on from where it stands."""
        self._control.request("POST", "/clock/unfreeze")

    def skew(self, actor: str, seconds: float) -> None:
        """Let an actor's clock run ahead of the sandbox's by `seconds`, or behind it."""
        self._control.request("POST", "/clock/skew", json={"actor": actor, "seconds": seconds})
