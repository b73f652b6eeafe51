"""What a gateway costs: an idle process over a minute, and a day of its life in virtual time.

`make bench-gateway`. Idle is the article's gateway in the embedded cluster: six polls, a heartbeat and
twelve probes a minute. The day is the same gateway with three outages and a key rotation; it is run as
the test runs it that counts each request against the schedule (tests/sandbox/gateway/test_day.py).
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec import to_builtins

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))  # of idling
PROGRAM = [sys.executable, "-m", "apim_sandbox"]


@dataclass(frozen=True, slots=True)
class Idle:
    """An idle gateway process. Memory in MiB; `cpu_ms` of processor time and `switches` for each minute."""

    resident: float
    proportional: float
    cpu_ms: float
    switches: float
    polls: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day in virtual time. `cpu` and `wall` in seconds."""

    cpu: float
    wall: float
    requests: int


def sandbox(state: Path, *arguments: str) -> str:
    """What a command of the sandbox in `state` prints."""
    environment = {**os.environ, "APIM_SANDBOX_STATE_DIR": str(state)}
    done = subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def gateway_of(sandbox_pid: int) -> int:
    """The process of the sandbox's one gateway."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = int(re.findall(r"PPid:\s+(\d+)", status.read_text())[0])
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        if parent == sandbox_pid and b"apim_sandbox.gateway" in command:
            return int(status.parent.name)
    raise SystemExit("the gateway's process is not there")


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def numbers(pid: int, file: str, *names: str) -> list[int]:
    text = Path(f"/proc/{pid}/{file}").read_text()
    return [int(re.findall(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[0]) for name in names]


def idle(state: Path) -> Idle:
    """Start the article's gateway, let it settle, and watch it do nothing."""
    free = [f"--{name}-port=0" for name in ("edge", "proxy", "control")]
    sandbox(state, "up", "--detach", *free)
    try:
        sandbox(state, "apply", "-f", str(ROOT / "examples/article/gateway.yaml"))
        pid = gateway_of(json.loads(sandbox(state, "status", "--json"))["instance"]["pid"])
        time.sleep(15)
        polled = sandbox(state, "journal", "--json").count("/events?$top=100")
        before, switches = processor_seconds(pid), sum(numbers(pid, "status", *_SWITCHES))
        time.sleep(SECONDS)
        spent, later = processor_seconds(pid) - before, sum(numbers(pid, "status", *_SWITCHES))
        polls = sandbox(state, "journal", "--json").count("/events?$top=100") - polled
        (resident,), (proportional,) = numbers(pid, "status", "VmRSS"), numbers(pid, "smaps_rollup", "Pss")
    finally:
        sandbox(state, "down")
    a_minute = 60 / SECONDS
    return Idle(
        round(resident / 1024, 1),
        round(proportional / 1024, 1),
        round(spent * 1000 * a_minute),
        round((later - switches) * a_minute),
        polls // 2,
    )  # fmt: skip  each poll stands in the journal twice, by the gateway and by the service


_SWITCHES = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")


def day() -> Day:
    """The day of the test, counted there; here its price."""
    sys.path.insert(0, str(ROOT))
    from tests.sandbox.gateway.test_day import eventful_day

    from apim_emulators.core.wire import WireTransport
    from apim_sandbox.virtual import run_virtual

    asked, send = 0, WireTransport.handle_async_request

    async def counted(self: WireTransport, request: object) -> object:
        nonlocal asked
        asked += 1
        return await send(self, request)

    WireTransport.handle_async_request = counted
    cpu, wall = time.process_time(), time.monotonic()
    run_virtual(eventful_day)
    return Day(round(time.process_time() - cpu, 1), round(time.monotonic() - wall, 1), asked)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="apim-bench-") as name:
        idled = idle(Path(name))
    lived = day()
    now = datetime.now(UTC)
    report = {
        "at": now.isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "idle": to_builtins(idled),
        "day": to_builtins(lived),
    }
    text = (
        f"{now:%Y-%m-%d}, {report['machine']}, Python {report['python']}, load {report['load'][0]}.\n\n"
        f"An idle gateway: {idled.resident} MiB resident ({idled.proportional} proportional), "
        f"{idled.cpu_ms} ms of processor time and {idled.switches} context switches a minute, "
        f"{idled.polls} polls in {SECONDS:g} s.\n"
        f"A day in virtual time: {lived.cpu} s of processor time ({lived.wall} s), "
        f"{lived.requests} requests.\n"
    )
    print(text)
    target = HERE / "results" / f"{now:%Y-%m-%d}-gateway.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=2) + "\n")
    target.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
