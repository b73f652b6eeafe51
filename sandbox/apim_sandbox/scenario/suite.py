"""Many scenarios at once: one process each, results in the order of the scenarios."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.runner import Proof, prove, run
from apim_sandbox.scenario.venue import EMBEDDED, Site

WORTH_IT = 12  # scenarios; for fewer the processes' start costs more than it saves


def run_all(
    scenarios: Sequence[Loaded], *, seed: int = 0, jobs: int = 0, twins: bool = False, site: Site = EMBEDDED
) -> Iterator[Proof]:
    """Run all in `jobs` processes (0: as many as there are processors, one for a handful).

    With `twins` each is run without its cause as well. How many processes run changes no result. A
    cluster has one world at a time: there they run one after the other. Raises `InstanceError` when the
    cluster is not up.
    """
    one = partial(_one, seed=seed, twins=twins, site=site)
    workers = jobs or (1 if len(scenarios) < WORTH_IT else os.cpu_count() or 1)
    if site.layout is not None:
        from apim_sandbox.scenario.kind import borrowed

        with borrowed(site.layout):
            yield from map(one, scenarios)
        return
    if workers == 1:
        yield from map(one, scenarios)
        return
    with ProcessPoolExecutor(min(workers, len(scenarios))) as pool:
        yield from pool.map(one, scenarios, chunksize=2)


def _one(loaded: Loaded, *, seed: int, twins: bool, site: Site) -> Proof:
    return prove(loaded, seed=seed, site=site) if twins else Proof(run(loaded, seed=seed, site=site), None)
