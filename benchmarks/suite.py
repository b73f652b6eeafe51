"""What a test suite pays: the start of its session, and a fresh world for each test.

    .venv/bin/python benchmarks/suite.py [--runs 5] [--tests 200]

Wall and processor time; the machine's load is printed, without which the figures say little.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

START = """
import time
import pytest  # as in a test session
from apim_sandbox import Sandbox
began, used = time.perf_counter(), time.process_time()
with Sandbox.start() as sandbox:
    print(time.perf_counter() - began, time.process_time() - used)
    began, used = time.perf_counter(), time.process_time()
    sandbox.status()
    print(time.perf_counter() - began, time.process_time() - used)
"""
TESTS = """
import sys, time
from apim_sandbox import Sandbox
def change(): sandbox.clock.advance(600)
def cloud(): sandbox.graph("POST", "/v1.0/applications", body={"displayName": "another"})
with Sandbox.start() as sandbox:
    snapshot = sandbox.snapshot()
    for what in (lambda: None, change, cloud):
        what()
        sandbox.restore(snapshot)
        for _ in range(int(sys.argv[1])):
            what()
            began, used = time.perf_counter(), time.process_time()
            sandbox.restore(snapshot)
            print(time.perf_counter() - began, time.process_time() - used, end=" ")
        print()
"""

# Modules are compiled once, beside the sources or not, whatever this shell says.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), f"apim-sandbox-benchmark-{os.getuid()}"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tests", type=int, default=200)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    _figures(START)  # writes the compiled modules, as an installation does
    starts = [_figures(START) for _ in range(arguments.runs)]
    _show("session start, imports of the sandbox within", [start for start, _ in starts])
    _show("the first request to the control service", [first for _, first in starts])
    for title, figures in zip(
        ("way back, nothing changed", "way back, clock moved", "way back, an application made"),
        _figures(TESTS, str(arguments.tests)),
        strict=True,
    ):
        _show(title, list(zip(figures[::2], figures[1::2], strict=True)))


def _figures(program: str, *arguments: str) -> list[list[float]]:
    command = [sys.executable, "-c", program, *arguments]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
    return [[float(word) for word in line.split()] for line in shown.splitlines()]


def _show(title: str, pairs: list[list[float]] | list[tuple[float, float]]) -> None:
    wall, used = (sorted(one[index] * 1000 for one in pairs) for index in (0, 1))
    print(
        f"{title:46} wall median {statistics.median(wall):7.1f} ms  best {wall[0]:7.1f} ms   "
        f"processor median {statistics.median(used):7.1f} ms  best {used[0]:7.1f} ms"
    )


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"measured in {time.perf_counter() - began:.0f} s")
