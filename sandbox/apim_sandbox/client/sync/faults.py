# Written by scripts/docs from client/aio: change it there.
"""What is broken on purpose."""

from typing import Any

from apim_sandbox.client.shapes import FaultShown
from apim_sandbox.client.sync.control import Control


class Faults:
    """The faults in force."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
        self, fault: str, target: str, *, first_call: int = 1, last_call: int | None = None, **arguments: Any
    ) -> str:
        """Break something; the fault's id. `arguments` are the fault's own. Raises `SandboxError`."""
        body = {
            "fault": fault,
            "target": target,
            "arguments": arguments,
            "first_call": first_call,
            "last_call": last_call,
        }
        return str((self._control.json("POST", "/faults", json=body))["id"])

    def list(self) -> tuple[FaultShown, ...]:
        """Every fault in force and how often it acted."""
        return tuple(self._control.json("GET", "/faults"))

    def remove(self, fault_id: str) -> None:
        """Let one fault be. Raises `SandboxError` for an id that is not in force."""
        self._control.request("DELETE", f"/faults/{fault_id}")

    def clear(self) -> None:
        """Let all of them be."""
        self._control.request("DELETE", "/faults")
