"""Drives the emulators: worlds, clusters, the reference gateway, scenarios, insight and the command line.

from apim_sandbox import Sandbox        # or AsyncSandbox: the script API, see docs/script.md
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apim_sandbox.client import AsyncSandbox as AsyncSandbox
    from apim_sandbox.client import Sandbox as Sandbox
    from apim_sandbox.client import SandboxError as SandboxError

__version__ = "0.1.0"
_SCRIPT_API = ("AsyncSandbox", "Sandbox", "SandboxError")


def __getattr__(name: str) -> object:
    """The script API is imported when somebody asks for it: the package itself must cost nothing."""
    if name in _SCRIPT_API:
        from apim_sandbox import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_SCRIPT_API]
