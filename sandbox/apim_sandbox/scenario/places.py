"""Where a scenario can run, and why not elsewhere: derived from its steps and its world.

A scenario's file says nothing of it, unless only its author knows (`needs:`, `notOn:`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from apim_emulators.core.faults import known
from apim_emulators.core.vocabulary import KUBERNETES_HOST, WEBHOOK_HOST
from apim_sandbox.assembly import actor_of
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import AddFault, Answer, CutOff, SkewClock, Step
from apim_sandbox.scenario.venue import On
from apim_sandbox.world.default import default_world
from apim_sandbox.world.model import World
from apim_sandbox.world.seed import service_names

PLACES: tuple[On, ...] = get_args(On)
LONGEST_ON_KIND = 1800.0  # seconds; projected tokens live for an hour of the cluster's own time

# What a real cluster can't do, by the step's name.
_NOT_ON_KIND: Mapping[str, str] = {
    "rotate_key": "swaps the signing key: the API server signs with the one that it was started with",
    "advance_clock": "jumps in time: the API server and the kubelet keep real time",
}
# How an emulator's container can let its callers fail; all else is the network's own.
_WALLS_ON_KIND = ("reset", "certificate", "no-answer")
_SIGNERS = ("oidc", "cluster")  # whose clock decides what a token says of its time


def why_not(loaded: Loaded, on: On) -> str:
    """Why the scenario can't run there; empty when it can."""
    return next(_reasons(loaded, on), "")


def places(loaded: Loaded) -> dict[On, str]:
    """Every place with the reason against it, empty where the scenario runs."""
    return {on: why_not(loaded, on) for on in PLACES}


def _reasons(loaded: Loaded, on: On) -> Iterator[str]:
    scenario = loaded.scenario
    if on in scenario.not_on:
        yield scenario.not_on[on]
    if scenario.needs is not None and (on == "embedded" or scenario.needs == "kind" != on):
        yield f"needs {scenario.needs}: {scenario.because}"
    for step in scenario.steps():
        yield from _CANNOT[on](step)
    if on == "kind":
        if scenario.ends() > LONGEST_ON_KIND:
            yield f"takes {scenario.ends():g} s of the cluster's own time"
        for with_cause in (True, False):
            yield from _not_that_cluster(loaded.world(with_cause=with_cause))


def _nothing(_: Step) -> Iterator[str]:
    yield from ()


def _not_live(step: Step) -> Iterator[str]:
    match getattr(step, step.action):
        case CutOff(host=host) if actor_of(default_world(), host) == "oidc" and host != KUBERNETES_HOST:
            yield f"cuts off {host} alone: live, the API server is the same program and goes with it"


def _not_on_a_real_cluster(step: Step) -> Iterator[str]:
    if step.action in _NOT_ON_KIND:
        yield _NOT_ON_KIND[step.action]
    match getattr(step, step.action):
        case CutOff(host=host) if host == WEBHOOK_HOST:
            yield "cuts off the webhook, which is the cluster's own"
        case CutOff(how=how, host=host) if how not in _WALLS_ON_KIND:
            yield f"cuts off {host} ({how}): pods reach it by the network's own means"
        case Answer(host=host) if host == WEBHOOK_HOST:
            yield "answers in the webhook's place, which is the cluster's own"
        case SkewClock(actor=actor) if actor in _SIGNERS:
            yield "skews the signer's clock: the API server signs by the machine's time"
        case AddFault(where="webhook" | "cluster" as target):
            yield f"a fault of {target}: there the cluster itself does that work"
        case AddFault(fault="killed" | "slow-start" as fault):
            yield f"a fault {fault}: a real kubelet runs the container"
        case AddFault(fault=fault) if known(fault).about.stage == "connection":
            yield f"a fault {fault}: pods connect by the network's own means"


_CANNOT: Mapping[On, Callable[[Step], Iterator[str]]] = {
    "embedded": _nothing,
    "live": _not_live,
    "kind": _not_on_a_real_cluster,
}


def _not_that_cluster(world: World) -> Iterator[str]:
    """What `kind up` has settled for good: the cluster, its webhook, and the names on its network."""
    usual = default_world()
    if world.clusters != usual.clusters:
        yield "changes the cluster or its webhook, which are made before"
    if not set(service_names(world)) <= set(service_names(usual)):
        yield "has another service: its name is not on the cluster's network"
