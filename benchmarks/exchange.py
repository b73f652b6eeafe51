"""How fast the token endpoint is, as a share of what one core can sign: `make bench`.

One exchange verifies a projected token and signs an access token; signing costs nearly all of what can't
be saved, so the figure that holds on any machine is exchanges / RSA-2048 signatures, both on one core.
The server has that core to itself and the load generator the other. `openssl speed` counts the core's
time that it gets; so `ratio` takes the server's processor time too, and `wall` the clock's, which on a
machine with other work is lower.
"""

import asyncio
import json
import os
import platform
import re
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import load
from msgspec import to_builtins

from apim_emulators.core import vocabulary as names
from apim_sandbox.world.default import default_world
from apim_sandbox.world.seed import default_service_account

HERE = Path(__file__).parent
CONNECTIONS = (1, 8, 32)
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))  # a measurement
TOKENS = 64  # distinct assertions, used in turn
STARTS = 3
BARS = {"plain": 0.45, "tls": 0.40}  # at 32 connections


@dataclass(frozen=True, slots=True)
class Server:
    """The running server: its ports, CA file, admin token and process id."""

    plain: int
    tls: int
    ca: str
    admin: str
    pid: int

    def cpu(self) -> float:
        """Processor time used so far, in seconds."""
        return cpu_seconds(self.pid)

    def resident(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. Latencies in milliseconds, `resident` in MiB."""

    transport: str
    connections: int
    rate: float
    ratio: float
    wall: float
    p50: float
    p99: float
    resident: float


def cores() -> tuple[str, str]:
    """The server's core and the load's; empty where there is but one, or no way to choose."""
    if not hasattr(os, "sched_getaffinity"):
        return "", ""
    available = sorted(os.sched_getaffinity(0))
    return (str(available[0]), str(available[1])) if len(available) > 1 else ("", "")


def signatures(core: str) -> float:
    """RSA-2048 signatures in a second of one core's time, by `openssl speed`."""
    command = [
        *(["taskset", "-c", core] if core else []),
        "openssl",
        "speed",
        "-mr",
        "-seconds",
        "2",
        "rsa2048",
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^\+F2:\d+:2048:([\d.e+-]+):", output, re.MULTILINE)
    if found is None:
        raise SystemExit(f"openssl speed answered something else: {output!r}")
    figure = float(found[1])
    return figure if figure > 1 else 1 / figure


@contextmanager
def serving(directory: Path, core: str):
    """A server on `core` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "served.py"), str(directory), core],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Server(**json.loads(process.stdout.readline()), pid=process.pid)
    finally:
        process.stdin.close()
        process.wait(10)


def token_requests(server: Server) -> list[bytes]:
    """Complete token requests, each with a projected token of its own."""
    world = default_world()
    tenant, application = world.tenants[0], world.tenants[0].applications[0]
    namespace, name = default_service_account(world).split("/")
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
    kubernetes(server, "PUT", accounts, {"metadata": {"name": name, "namespace": namespace}})
    wanted = {"spec": {"audiences": ["api://AzureADTokenExchange"], "expirationSeconds": 3600}}
    requests = []
    for _ in range(TOKENS):
        assertion = kubernetes(server, "POST", f"{accounts}/token", wanted)["status"]["token"]
        requests.append(token_request(tenant.id, application.app_id, assertion))
    return requests


def token_request(tenant: str, client_id: str, assertion: str) -> bytes:
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_assertion_type": names.JWT_BEARER,
            "client_assertion": assertion,
            "scope": "https://azure-api.net/configuration/.default",
        },
        quote_via=quote_plus,
    )
    head = (
        f"POST /{tenant}/oauth2/v2.0/token HTTP/1.1\r\nHost: {names.LOGIN_HOST}\r\n"
        f"Accept: application/json\r\nUser-Agent: apim-sandbox-bench\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n"
    )
    return (head + form).encode()


def kubernetes(server: Server, method: str, path: str, body: object) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.plain}{path}", json.dumps(body).encode(), method=method,
        headers={
            "host": names.KUBERNETES_HOST, "authorization": f"Bearer {server.admin}",
            "content-type": "application/json",
        },
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def measure(server: Server, requests: list[bytes], core: str) -> list[Row]:
    tls = ssl.create_default_context(cafile=server.ca)
    rows = []
    for transport, port, context in (("plain", server.plain, None), ("tls", server.tls, tls)):
        for connections in CONNECTIONS:
            signed = signatures(core)  # each time anew: what a core gets done changes by the minute
            before = server.cpu()
            begun = time.perf_counter()
            found = run_load(load.run(port, requests, connections, SECONDS, context))
            share = (server.cpu() - before) / (time.perf_counter() - begun)
            if found.refused:
                raise SystemExit(f"{found.refused} of {len(found.latencies)} exchanges were refused")
            rows.append(
                Row(
                    transport, connections, round(found.rate), round(found.rate / share / signed, 3),
                    round(found.rate / signed, 3), round(found.percentile(0.5) * 1000, 2),
                    round(found.percentile(0.99) * 1000, 2), round(server.resident(), 1),
                )
            )  # fmt: skip
    return rows


def run_load(main):
    try:
        import uvloop

        return uvloop.run(main)
    except ImportError:
        return asyncio.run(main)


def first_token(directory: Path, core: str, requests: list[bytes]) -> tuple[float, float]:
    """Milliseconds from the start of `apim-sandbox up` with existing keys to its first token.

    By the clock, and of processor time.

    The assertion is of an earlier run, whose signing key the state directory holds.
    """
    tls = ssl.create_default_context(cafile=str(directory / "ca" / "ca.pem"))
    port = free_port()
    command = [
        sys.executable, "-m", "apim_sandbox", "up", "--state-dir", str(directory),
        f"--edge-port={port}", "--proxy-port=0", "--control-port=0",
    ]  # fmt: skip
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*(["taskset", "-c", core] if core else []), *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        status = b""
        while not status:
            if time.perf_counter() - begun > 30 or process.poll() is not None:
                raise SystemExit("the sandbox did not start")
            status = try_once(port, tls, requests[0])
        if not status.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the first exchange was refused: {status[:200]!r}")
        return (time.perf_counter() - begun) * 1000, cpu_seconds(process.pid) * 1000
    finally:
        process.terminate()
        process.wait(10)


def try_once(port: int, tls: ssl.SSLContext, request: bytes) -> bytes:
    """The answer's beginning; empty while nobody listens."""
    import socket

    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            tls.wrap_socket(raw, server_hostname=names.LOGIN_HOST) as connection,
        ):
            connection.sendall(request)
            return connection.recv(65536)
    except OSError:
        time.sleep(0.001)
        return b""


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def table(rows: list[Row]) -> str:
    lines = [
        "| transport | connections | exchanges/s | ratio | wall | p50 ms | p99 ms | RSS MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.transport} | {row.connections} | {row.rate:.0f} | {row.ratio:.2f} | {row.wall:.2f} "
        f"| {row.p50} | {row.p99} | {row.resident} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    server_core, load_core = cores()
    if load_core:
        os.sched_setaffinity(0, {int(load_core)})
    with tempfile.TemporaryDirectory(prefix="apim-bench-") as name:
        directory = Path(name)
        with serving(directory, server_core) as server:
            requests = token_requests(server)
            signed = signatures(server_core)
            rows = measure(server, requests, server_core)
        starts = [first_token(directory, server_core, requests) for _ in range(STARTS)]
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "signatures": round(signed),
        "first_token_ms": round(sorted(wall for wall, _ in starts)[STARTS // 2]),
        "first_token_cpu_ms": round(sorted(cpu for _, cpu in starts)[STARTS // 2]),
        "load": [round(one, 1) for one in os.getloadavg()],
        "rows": [to_builtins(row) for row in rows],
    }
    text = (
        f"{report['at'][:10]}, {report['machine']}, Python {report['python']}: "
        f"{report['signatures']} RSA-2048 signatures/s on one core; "
        f"start to first token {report['first_token_ms']} ms "
        f"({report['first_token_cpu_ms']} ms of processor time); load {report['load'][0]}.\n\n{table(rows)}\n"
    )
    print(text)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    target = results / f"{report['at'][:10]}.json"
    target.write_text(json.dumps(report, indent=2) + "\n")
    target.with_suffix(".md").write_text(text)
    missed = [row for row in rows if row.connections == 32 and row.ratio < BARS[row.transport]]
    for row in missed:
        print(f"below the bar over {row.transport}: {row.ratio} of {BARS[row.transport]}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
