# Written by scripts/docs from client/aio: change it there.
"""What is broken on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apim_sandbox.client.answers import SandboxError
from apim_sandbox.client.shapes import FaultShown
from apim_sandbox.client.sync.control import Control


class Faults:
    """The faults in force."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
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
        return str((self._control.json("POST", "/faults", json=body))["id"])

    @contextmanager
    def during(self, fault: str, target: str = "", **scope_and_arguments: Any) -> Iterator[str]:
        """Break something while the block runs, as `add` does.

        Raises `SandboxError` at its end when the fault never acted: what was tested then is something else.
        """
        fault_id = self.add(fault, target, **scope_and_arguments)
        try:
            yield fault_id
        except BaseException:
            self.remove(fault_id)
            raise
        gone = self.remove(fault_id)
        if not gone["fired"]:
            raise SandboxError(f"fault {fault_id} never acted while it was in force")

    def list(self) -> tuple[FaultShown, ...]:
        """Every fault in force and how often it acted."""
        return tuple(self._control.json("GET", "/faults"))

    def catalogue(self) -> tuple[dict[str, Any], ...]:
        """Every fault that can be added, with its arguments."""
        return tuple(self._control.json("GET", "/faults/catalogue"))

    def remove(self, fault_id: str) -> FaultShown:
        """Let one fault be; what it was and how often it acted. Raises `SandboxError` for an unknown id."""
        gone: FaultShown = self._control.json("DELETE", f"/faults/{fault_id}")
        return gone

    def clear(self) -> tuple[FaultShown, ...]:
        """Let all of them be; what they were and how often they acted."""
        return tuple(self._control.json("DELETE", "/faults"))
