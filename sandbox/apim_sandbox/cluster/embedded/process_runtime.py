"""The live runtime: the gateway's image runs as a child process of this one.

It gets exactly the pod's environment plus the sandbox's own additions (proxy, CA, control service).
Its listeners are bound here, on loopback, and handed over as file descriptors; a pipe whose other
end only this process holds tells it to end when this process dies.
"""

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

import anyio
import anyio.abc

from apim_sandbox.cluster.embedded.logs import LogBuffer
from apim_sandbox.cluster.embedded.paths import backup_variable, rewritten
from apim_sandbox.cluster.embedded.runtime import PATIENCE, ContainerStart, ImageError

GATEWAY_IMAGES = ("mcr.microsoft.com/azure-api-management/gateway:*",)
GATEWAY_PORTS = (8080, 8081)
OFFSET = 10_000  # 8080 inside is 18080 outside, when that is free
LONGEST_LINE = 64 * 1024
# What a child needs of this process's own environment; nothing else gets in, least of all AZURE_*.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "COVERAGE_PROCESS_START",
)


_PROBE = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: kube-probe/1.34\r\nConnection: close\r\n\r\n"


class ProcessRuntime:
    """Starts gateways. `images` are patterns; `extras` are variables given to every process.

    `addresses` maps what variables name to where it is on this machine.
    """

    def __init__(
        self,
        extras: Mapping[str, str] | None = None,
        *,
        addresses: Mapping[str, str] | None = None,
        images: Sequence[str] = GATEWAY_IMAGES,
        command: Sequence[str] = (sys.executable, "-m", "apim_sandbox.gateway"),
    ) -> None:
        self._extras = dict(extras or {})
        self._addresses = dict(addresses or {})
        self._images = tuple(images)
        self._command = tuple(command)

    def refuses(self, image: str) -> str:
        if any(fnmatchcase(image, pattern) for pattern in self._images):
            return ""
        return (
            f"the embedded cluster runs no containers: only {', '.join(self._images)}, "
            "which the reference gateway stands in for"
        )

    async def start(self, start: ContainerStart) -> "ProcessContainer":
        refusal = self.refuses(start.image)
        if refusal:
            raise ImageError(refusal)
        sockets = {port: _listen(port) for port in start.ports or GATEWAY_PORTS}
        read_end, write_end = os.pipe()
        descriptors = [read_end, *(one.fileno() for one in sockets.values())]
        listen = ",".join(f"{port}=fd:{one.fileno()}" for port, one in sockets.items())
        env = {name: os.environ[name] for name in INHERITED if name in os.environ}
        env.update(backup_variable(start.mounts))
        env.update(rewritten(start.env, {**start.mounts, **self._addresses}))
        env.update(self._extras)
        env.update(
            APIM_SANDBOX_LISTEN=listen,
            APIM_SANDBOX_LIFELINE=str(read_end),
            APIM_SANDBOX_POD=f"{start.namespace}/{start.pod}",
            PYTHONUNBUFFERED="1",
        )
        if start.slow:
            env["APIM_SANDBOX_SLOW_START"] = f"{start.slow:g}"
        try:
            process = await anyio.open_process(
                self._command,
                stdin=-3,  # subprocess.DEVNULL
                stdout=-1,  # subprocess.PIPE
                stderr=-2,  # subprocess.STDOUT
                env=env,
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C reaches the sandbox, which ends its pods in order
            )
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
            ports = {port: int(one.getsockname()[1]) for port, one in sockets.items()}
            for one in sockets.values():
                one.close()
        return ProcessContainer(process, ports, write_end)


class ProcessContainer:
    """A gateway's process."""

    def __init__(self, process: anyio.abc.Process, ports: Mapping[int, int], lifeline: int) -> None:
        self._process = process
        self._ports = dict(ports)
        self._lifeline = lifeline
        self._logs = LogBuffer()
        self._ended = anyio.Event()
        self._waiting = False

    @property
    def ports(self) -> Mapping[int, int]:
        return self._ports

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Read the output until the process has ended; its exit code (128 + N for signal N)."""
        if self._waiting:
            await self._ended.wait()
        else:
            self._waiting = True
            try:
                await self._read()
                await self._process.wait()
            except BaseException:
                self._waiting = False
                raise
            self._close()
        code = self._process.returncode
        assert code is not None, "wait() returns after the process has ended"
        return code if code >= 0 else 128 - code

    async def stop(self, patience: float = PATIENCE) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with anyio.move_on_after(patience):
                await self.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()
        self._close()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def get(self, port: int, path: str, timeout: float, scheme: str = "HTTP") -> int:
        """One HTTP/1.1 GET; a probe to an HTTPS port opens TLS without verifying, as the kubelet does."""
        with anyio.fail_after(timeout):
            stream = await self._open(port, scheme)
            async with stream:
                head = b""
                try:
                    await stream.send(_PROBE.format(path=path).encode())
                    while b"\r\n" not in head and len(head) < 4096:
                        head += await stream.receive(1024)
                except anyio.EndOfStream:
                    pass
                except anyio.BrokenResourceError:
                    raise OSError("read: connection reset by peer") from None
        parts = head.split(b" ", 2)
        if len(parts) < 2 or not parts[1].isdigit():
            raise OSError("malformed HTTP response")
        return int(parts[1])

    async def connect(self, port: int, timeout: float) -> None:
        with anyio.fail_after(timeout):
            stream = await self._open(port, "HTTP")
            await stream.aclose()

    def log_lines(self) -> list[str]:
        return self._logs.lines()

    def follow(self) -> AsyncIterator[str]:
        return self._logs.follow()

    async def _open(self, port: int, scheme: str) -> anyio.abc.ByteStream:
        outside = self._ports.get(port)
        if outside is None:
            raise OSError(f"no container port {port}")
        if scheme.upper() == "HTTPS":
            import ssl

            unverified = ssl.create_default_context()
            unverified.check_hostname = False
            unverified.verify_mode = ssl.CERT_NONE
            return await anyio.connect_tcp("127.0.0.1", outside, ssl_context=unverified)
        return await anyio.connect_tcp("127.0.0.1", outside)

    async def _read(self) -> None:
        assert self._process.stdout is not None, "stdout is a pipe"
        rest = b""
        async for chunk in self._process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._logs.add(line.decode("utf-8", "replace").rstrip("\r"))
            if len(rest) > LONGEST_LINE:
                self._logs.add(rest.decode("utf-8", "replace"))
                rest = b""
        if rest:
            self._logs.add(rest.decode("utf-8", "replace"))

    def _close(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._logs.close()
            os.close(self._lifeline)


def _listen(container_port: int) -> socket.socket:
    """A listening loopback socket, on the preferred port or on any free one."""
    preferred = container_port + OFFSET if container_port + OFFSET < 65536 else 0
    for port in (preferred, 0):
        # The protocol is named because asyncio's and uvicorn's Nagle switch depends on it.
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
            one.listen(256)
        except OSError:
            one.close()
            continue
        one.set_inheritable(True)
        return one
    raise OSError("no free loopback port")
