"""The live runtime: child processes with the pod's environment, our listeners and a lifeline."""

import os
import signal
import sys
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from apim_sandbox.cluster.embedded.process_runtime import INHERITED, ProcessRuntime
from apim_sandbox.cluster.embedded.runtime import ContainerStart, ImageError

pytestmark = pytest.mark.anyio
IMAGE = "mcr.microsoft.com/azure-api-management/gateway:v2"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Processes are of the real world: no virtual clock here."""
    return request.param


def _runtime(program: str, **extras: str) -> ProcessRuntime:
    return ProcessRuntime(extras, command=(sys.executable, "-u", "-c", program))


def _start(env: dict[str, str] | None = None, **changes: Any) -> ContainerStart:
    return ContainerStart("ns", "pod", "gateway", IMAGE, env or {}, **changes)


async def test_a_process_gets_the_pods_environment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths below mounts are real ones; the sandbox's additions win; nothing of ours leaks in."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "leak")
    monkeypatch.setenv("HTTPS_PROXY", "http://elsewhere")
    program = "import os; [print(k, '=', v, sep='') for k, v in sorted(os.environ.items())]"
    env = {
        "gateway.name": "on-prem",
        "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/t",
        "A": "/var/run/x",
    }
    start = _start(env, mounts={"/var/run/secrets/azure/wi": "/real"}, ports=(8080,))
    container = await _runtime(program, HTTPS_PROXY="http://127.0.0.1:1").start(start)
    with anyio.fail_after(20):
        assert await container.wait() == 0

    seen = dict(line.partition("=")[::2] for line in container.log_lines())
    listen, lifeline = seen.pop("APIM_SANDBOX_LISTEN"), seen.pop("APIM_SANDBOX_LIFELINE")
    assert listen.startswith("8080=fd:")
    assert lifeline.isdecimal()
    ours = {*INHERITED, "LC_CTYPE"}
    assert {name: value for name, value in seen.items() if name not in ours} == {
        "A": "/var/run/x",
        "APIM_SANDBOX_POD": "ns/pod",
        "AZURE_FEDERATED_TOKEN_FILE": "/real/token/t",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "PYTHONUNBUFFERED": "1",
        "gateway.name": "on-prem",
    }


SERVER = """
import os, socket, signal
listener = socket.socket(fileno=int(os.environ["APIM_SANDBOX_LISTEN"].split("fd:")[1]))
print("listening", flush=True)
while True:
    peer, _ = listener.accept()
    head = peer.recv(4096)
    status = b"503 Service Unavailable" if b"/broken" in head else b"200 OK"
    peer.sendall(b"HTTP/1.1 " + status + b"\\r\\nContent-Length: 0\\r\\n\\r\\n")
    peer.close()
"""


async def test_probes_reach_the_listener_that_was_handed_over() -> None:
    """By the container's port; a port that is not there refuses."""
    container = await _runtime(SERVER).start(_start(ports=(8080,)))
    try:
        with anyio.fail_after(20):
            assert await container.get(8080, "/status", 5) == 200
            assert await container.get(8080, "/broken", 5) == 503
            await container.connect(8080, 5)
            with pytest.raises(OSError, match="no container port 9"):
                await container.get(9, "/", 1)
    finally:
        await container.stop()
    assert await container.wait() == 128 + signal.SIGTERM


RESETTING = """
import os, socket
listener = socket.socket(fileno=int(os.environ["APIM_SANDBOX_LISTEN"].split("fd:")[1]))
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))
    peer.close()
"""


async def test_a_connection_that_is_reset_is_a_failed_probe() -> None:
    """A process that is being killed leaves such; the kubelet goes on."""
    container = await _runtime(RESETTING).start(_start(ports=(8080,)))
    try:
        with anyio.fail_after(20), pytest.raises(OSError, match="connection reset by peer"):
            await container.get(8080, "/status", 5)
    finally:
        await container.stop()


async def test_a_silent_server_runs_into_the_probes_timeout() -> None:
    """The connection is accepted by the kernel, nobody answers."""
    container = await _runtime("import time; time.sleep(60)").start(_start(ports=(8080,)))
    try:
        with pytest.raises(TimeoutError):
            await container.get(8080, "/", 0.2)
    finally:
        await container.stop()


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """After two seconds."""
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    container = await _runtime(program).start(_start())
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(container.wait)
            async with aclosing(container.follow()) as lines:  # type: ignore[type-var]
                assert await anext(lines) == "deaf"
            await container.stop()
        assert await container.wait() == 128 + signal.SIGKILL


async def test_two_gateways_get_different_ports() -> None:
    """The second takes any free one."""
    runtime = _runtime("import time; time.sleep(60)")
    first, second = await runtime.start(_start(ports=(8080,))), await runtime.start(_start(ports=(8080,)))
    try:
        assert first.ports[8080] != second.ports[8080]
    finally:
        await first.stop()
        await second.stop()


async def test_the_lifeline_ends_with_its_holder() -> None:
    """The child reads end of file as soon as our end of the pipe is closed."""
    program = "import os; os.read(int(os.environ['APIM_SANDBOX_LIFELINE']), 1); print('alone')"
    container = await _runtime(program).start(_start())
    os.close(container._lifeline)
    container._lifeline = os.open(os.devnull, os.O_RDONLY)
    with anyio.fail_after(20):
        assert await container.wait() == 0
    assert container.log_lines() == ["alone"]


async def test_another_image_is_refused() -> None:
    """With what does run here."""
    with pytest.raises(ImageError, match="the embedded cluster runs no containers"):
        await ProcessRuntime().start(ContainerStart("ns", "pod", "c", "nginx", {}))


async def test_a_line_without_end_does_not_fill_the_memory() -> None:
    """It is cut."""
    container = await _runtime("print('x' * 300000)").start(_start())
    with anyio.fail_after(20):
        await container.wait()
    assert sum(map(len, container.log_lines())) == 300_000
    assert len(container.log_lines()) > 1
