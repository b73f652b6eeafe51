"""What the catalogue costs in virtual time, and whether every run of it is the same.

    .venv/bin/python benchmarks/scenarios.py [--runs 10] [--jobs 0] [WHICH ...]

Each run takes the scenarios in another order. Printed are wall and processor time of each run (of all its
processes), the load, without which the figures say little, and the scenarios whose result or journal
was not byte for byte that of the first run.
"""

import argparse
import os
import resource
import sys
import time
from hashlib import sha256

from msgspec.structs import replace

from apim_sandbox.scenario.catalogue import chosen
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.report import json_line
from apim_sandbox.scenario.runner import Result
from apim_sandbox.scenario.suite import run_all


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--runs", type=int, default=10)
    arguments.add_argument("--jobs", type=int, default=0)
    arguments.add_argument("which", nargs="*")
    given = arguments.parse_args()
    scenarios = chosen(given.which)
    first: dict[str, str] = {}
    different: set[str] = set()
    for number in range(given.runs):
        began, used = time.perf_counter(), _processor()
        digests = _run(_ordered(scenarios, number), given.jobs)
        wall, spent = time.perf_counter() - began, _processor() - used
        first = first or digests
        different |= {name for name, digest in digests.items() if first[name] != digest}
        load = os.getloadavg()[0]
        print(f"run {number + 1}: {wall:.1f} s, {spent:.1f} s of processor time, load {load:.1f}", flush=True)
    print(f"{len(scenarios)} scenarios, {given.runs} runs: {len(different)} differ", *sorted(different))
    return 1 if different else 0


def _ordered(scenarios: list[Loaded], number: int) -> list[Loaded]:
    """Forwards, backwards, and from other places."""
    start = len(scenarios) * (number // 2) // 5 % len(scenarios)
    turned = scenarios[start:] + scenarios[:start]
    return turned[::-1] if number % 2 else turned


def _run(scenarios: list[Loaded], jobs: int) -> dict[str, str]:
    found = run_all(scenarios, jobs=jobs)
    return {proof.broken.scenario.id: _digest(proof.broken) for proof in found}


def _digest(result: Result) -> str:
    """Of all that a run showed; how long it took is no part of it."""
    return sha256(json_line(replace(result, took=0.0)) + result.journal).hexdigest()


def _processor() -> float:
    """Seconds of this process and of those that have ended."""
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


if __name__ == "__main__":
    sys.exit(main())
