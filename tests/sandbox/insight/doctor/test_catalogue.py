"""The doctor over the catalogue: each static cause is found, and nothing where nothing is wrong."""

from pathlib import Path

import pytest

from apim_sandbox import documents
from apim_sandbox.insight.doctor import Finding, Manifest, check
from apim_sandbox.insight.doctor.world_cloud import from_world
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import Loaded, files_of, load
from apim_sandbox.world.default import default_text
from apim_sandbox.world.load import loads

pytestmark = pytest.mark.long


def _catalogue() -> list[Loaded]:
    return [load(path) for path in files_of(folder())]


STATIC = [one for one in _catalogue() if one.scenario.cause.manifest or one.scenario.cause.world]
# What the cause changes is right by itself; only what happens later makes it a mistake.
LATER = {
    "entra/credential-limit": "the application that is full is none that a manifest here uses",
    "configuration/tier-without-gateways": "somebody creates a gateway in a service that nothing here uses",
}


def findings(loaded: Loaded, *, with_cause: bool) -> list[Finding]:
    path, text = loaded.manifest(with_cause=with_cause)
    manifests = [Manifest.of(one) for one in documents.parse(text, path)]
    world = from_world(loaded.world(with_cause=with_cause))
    return check([one for one in manifests if one is not None], world)


@pytest.mark.parametrize("loaded", STATIC, ids=lambda one: one.scenario.id)
def test_a_static_cause_is_found_and_its_mended_twin_is_silent(loaded: Loaded) -> None:
    found = findings(loaded, with_cause=True)
    assert bool(found) == (loaded.scenario.id not in LATER)
    assert all(one.fix and one.message for one in found)
    assert findings(loaded, with_cause=False) == []


def test_each_exception_is_a_scenario_of_the_catalogue() -> None:
    assert set(LATER) <= {one.scenario.id for one in STATIC}


@pytest.mark.parametrize(
    "path", ["examples/article/gateway.yaml", "tests/sandbox/cluster/fixtures/helm-1.15.1.yaml"]
)
def test_nothing_is_found_in_what_is_right(path: str) -> None:
    """The article's manifest and the Helm chart's render, by themselves and against a fitting world."""
    manifests = [Manifest.of(one) for one in documents.read(Path(path))]
    held = [one for one in manifests if one is not None]
    assert check(held) == []
    world = default_text()
    if "helm" in path:
        helm = "system:serviceaccount:apim-gateway-wi:azure-api-management-gateway"
        world = world.replace("system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity", helm)
    assert check(held, from_world(loads(world))) == []
