# Written by scripts/docs from client/aio: change it there.
"""A gateway that runs in the sandbox's cluster."""

from typing import TYPE_CHECKING, Any

import httpx

from apim_emulators.core.events import ConfigurationAsked, GatewayChanged
from apim_emulators.core.journal import Record
from apim_sandbox.client.answers import SandboxError
from apim_sandbox.client.shapes import Poll

if TYPE_CHECKING:
    from apim_sandbox.client.sync.sandbox import Sandbox

POLL_EVERY = 10.0  # seconds of the sandbox's time
PATIENCE = 15.0  # seconds of real time in which what is due must have happened


class Gateway:
    """One gateway. `url` is where its HTTP port is on this machine.

    `identity` is the client id with which it signs in; empty when it uses a gateway token.
    """

    def __init__(self, sandbox: "Sandbox", namespace: str, pod: str, url: str, identity: str) -> None:
        self._sandbox = sandbox
        self.namespace = namespace
        self.pod = pod
        self.url = url
        self.identity = identity

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        """Call an API through the gateway; `arguments` are httpx's."""
        return self.request("GET", path, **arguments)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Call an API through the gateway; `arguments` are httpx's."""
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            return client.request(method, path, **arguments)

    @property
    def last_poll(self) -> Poll:
        """The newest question for the configuration or its changes, and the answer.

        A poll that is due, because the clock was advanced, is waited for.
        Raises `SandboxError` when it does not come, as when the gateway gets no token to ask with.
        """
        now = self._sandbox.clock.now()
        poll = self._sandbox.newest(ConfigurationAsked.kind, self._is_poll, pod=self.pod)
        if poll is None or now - poll.at >= POLL_EVERY:
            poll = self._next_poll(poll.sequence if poll else 0)
        event = poll.event
        assert isinstance(event, ConfigurationAsked), "_is_poll"
        return Poll(poll.at, event.status, event.error, event.request_id)

    @property
    def state(self) -> str:
        """What the gateway last said of itself: `starting`, `ready`, `serving-from-memory`, `stopped`."""
        changes = self._sandbox.journal(0, kind=GatewayChanged.kind, pod=self.pod, last=1)
        return next((one.event.state for one in changes if isinstance(one.event, GatewayChanged)), "starting")

    def wait_for_state(self, state: str, *, timeout: float = 15.0) -> None:
        """Wait until it says so of itself. Raises `SandboxError` after `timeout` seconds of real time."""
        since = (self._sandbox.status())["journal"]
        if self.state == state:
            return

        def wanted(record: Record) -> bool:
            event = record.event
            return isinstance(event, GatewayChanged) and event.pod == self.pod and event.state == state

        try:
            self._sandbox.wait_for(f"gateway state {state!r}", wanted, since=since, timeout=timeout)
        except SandboxError as error:
            now = self.state
            raise SandboxError(f"{error}; it is {now!r}") from None

    @property
    def logs(self) -> list[str]:
        """The gateway's log so far."""
        return [line for line in self._sandbox.logs(self.namespace, self.pod)]

    def _next_poll(self, since: int) -> Record:
        what = "the gateway's next poll"
        try:
            return self._sandbox.wait_for(what, self._is_poll, since=since, timeout=PATIENCE)
        except SandboxError as error:
            found = self._sandbox.explain(target=self.pod)
            because = f": {found.headline}" if found else ""
            raise SandboxError(f"{error}{because}") from None

    def _is_poll(self, record: Record) -> bool:
        event = record.event
        return (
            isinstance(event, ConfigurationAsked) and event.operation != "heartbeat" and event.pod == self.pod
        )
