"""The catalogue's own files on a real cluster: what they expect is seen, and explained in the same words.

A choice of those whose cause is in the world or the manifest alone runs in every `scripts/test kind`, the
others that can run on kind in `scripts/test kind_catalogue`, which CI leaves out for lack of time.
"""

import re
from collections.abc import Iterator

import pytest
from tests.kind.conftest import Kind

from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.kind import borrowed
from apim_sandbox.scenario.load import Loaded, load_all
from apim_sandbox.scenario.places import why_not
from apim_sandbox.scenario.runner import Result, run
from apim_sandbox.scenario.venue import Site

ABLE = [one for one in load_all([folder()]) if not why_not(one, "kind")]
# The hops that a real cluster does itself, and those whose cause is in the real token or in one role.
OFTEN = {
    "cluster", "webhook", "healthy/article", "rbac/reader-missing", "rbac/validator-missing",
    *(f"entra/{name}" for name in (
        "audience-mismatch", "client-id-unknown", "issuer-other-host", "issuer-trailing-slash",
        "no-credentials", "service-principal-missing", "subject-case", "subject-mismatch",
        "subject-of-helm-chart", "subject-wrong-namespace", "tenant-unknown",
    )),
}  # fmt: skip
# A pod by its name, or by its ReplicaSet's where admission refused it before it had one.
POD = re.compile(r"\bapim-gateway-[a-z0-9]{5,10}(-[a-z0-9]{5})?\b")

AGO = re.compile(r"\b\d+ s ago\b")


def _tier(one: Loaded) -> pytest.MarkDecorator:
    scenario = one.scenario
    plain = not (scenario.cause.timeline or scenario.timeline or scenario.mend)
    often = plain and not OFTEN.isdisjoint((scenario.folder, scenario.id))
    return pytest.mark.kind if often else pytest.mark.kind_catalogue


@pytest.fixture(scope="module")
def site(kind: Kind) -> Iterator[Site]:
    """The session's cluster; afterwards the article's gateway is back, for the other files."""
    with borrowed(kind.layout):
        yield Site("kind", kind.layout)


@pytest.mark.parametrize("loaded", [pytest.param(one, id=one.scenario.id, marks=_tier(one)) for one in ABLE])
def test_a_scenario_shows_on_a_real_cluster_what_it_shows_in_virtual_time(loaded: Loaded, site: Site) -> None:
    """The same expectations are met, and the explanation's first line is the same but for pods' names."""
    real = run(loaded, site=site)
    assert (real.problem, real.skipped, real.failures) == ("", "", ())
    if loaded.scenario.cause:  # what passes by while a healthy pod starts is told differently
        assert _first_line(real) == _first_line(run(loaded))


@pytest.mark.kind
def test_enough_of_the_catalogue_runs_on_kind() -> None:
    """In every run, and in the long one; a name that is none would not be noticed otherwise."""
    assert OFTEN - {one.scenario.folder for one in ABLE} <= {one.scenario.id for one in ABLE}
    tiers = [_tier(one).name for one in ABLE]
    assert tiers.count("kind") >= 25
    assert tiers.count("kind_catalogue") >= 25


def _first_line(result: Result) -> str:
    """Without pods' names and without how long ago something was, which real time decides."""
    if result.explanation is None:
        return ""
    return AGO.sub("N s ago", POD.sub("POD", result.explanation.headline))
