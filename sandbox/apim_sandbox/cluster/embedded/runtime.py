"""What starts containers: processes live, tasks in virtual runs."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct, field

PATIENCE = 2.0  # seconds between SIGTERM and SIGKILL


class ImageError(Exception):
    """A runtime that can't run an image says why."""


class ContainerStart(Struct, frozen=True):
    """Everything a container is started with. `mounts` maps in-pod paths to directories of this machine."""

    namespace: str
    pod: str
    container: str
    image: str
    env: Mapping[str, str]
    mounts: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    slow: float = 0.0  # seconds that pass before what runs in it begins


class RunningContainer(Protocol):
    """A started container."""

    @property
    def ports(self) -> Mapping[int, int]:
        """Container port to port of this machine."""
        ...

    async def wait(self) -> int:
        """Wait for the end; the exit code."""
        ...

    async def stop(self, patience: float = PATIENCE) -> None:
        """Ask it to end, and end it if it does not within `patience` seconds of real time."""
        ...

    def kill(self) -> None:
        """End it at once, without a word of its own: SIGKILL."""
        ...

    async def get(self, port: int, path: str, timeout: float, scheme: str = "HTTP") -> int:
        """The status of an HTTP GET, as a probe makes it. Raises `OSError` or `TimeoutError`."""
        ...

    async def connect(self, port: int, timeout: float) -> None:
        """Open and close a connection, as a tcpSocket probe does. Raises `OSError` or `TimeoutError`."""
        ...

    def log_lines(self) -> list[str]:
        """What it printed so far."""
        ...

    def follow(self) -> AsyncIterator[str]:
        """What it printed so far, then new lines until it has ended."""
        ...


class Runtime(Protocol):
    """Starts containers."""

    def refuses(self, image: str) -> str:
        """Why this runtime can't run `image`; empty when it can."""
        ...

    async def start(self, start: ContainerStart) -> RunningContainer:
        """Start a container. Raises `ImageError` for an image that it refuses."""
        ...
