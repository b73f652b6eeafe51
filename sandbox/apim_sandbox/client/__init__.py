"""The script API: reach a running sandbox, its control service and its cloud routes, or start one.

`Sandbox` and `AsyncSandbox` are the same API; see docs/script.md. Changes to the cloud go through the
public ARM and Graph routes with the operator's own token: nothing bypasses RBAC.
"""

from typing import TYPE_CHECKING

from apim_sandbox.lean import import_httpx

import_httpx()

from apim_sandbox.client.answers import SandboxError, check  # noqa: E402
from apim_sandbox.client.shapes import Pod  # noqa: E402
from apim_sandbox.client.sync.gateway import Gateway  # noqa: E402
from apim_sandbox.client.sync.sandbox import Sandbox  # noqa: E402
from apim_sandbox.world.operator import Operator, token_form  # noqa: E402

if TYPE_CHECKING:
    from apim_sandbox.client.aio.gateway import AsyncGateway
    from apim_sandbox.client.aio.sandbox import AsyncSandbox

__all__ = [
    "AsyncGateway", "AsyncSandbox", "Gateway", "Operator", "Pod", "Sandbox", "SandboxError", "check",
    "token_form",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """The asynchronous half is imported when somebody asks for it."""
    if name == "AsyncSandbox":
        from apim_sandbox.client.aio.sandbox import AsyncSandbox

        return AsyncSandbox
    if name == "AsyncGateway":
        from apim_sandbox.client.aio.gateway import AsyncGateway

        return AsyncGateway
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
