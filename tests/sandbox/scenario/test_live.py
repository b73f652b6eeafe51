"""The same files against a sandbox in real time: its processes, its sockets, and real clients."""

from pathlib import Path

import pytest

from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import load
from apim_sandbox.scenario.runner import prove, run
from apim_sandbox.scenario.venue import Site

pytestmark = pytest.mark.clients
LIVE = Site("live")
# One of each kind of cause and of each thing that only a live sandbox does in its own way.
PROVED = ("entra/subject-mismatch", "rbac/reader-revoked")
RUN = (
    "healthy/article",  # an API is called through the gateway's own port
    "entra/assertion-without-iat",  # a token of a kind that no API server makes, signed by the cluster's key
    "entra/conditional-access",  # a policy that Graph has no route for
    "gateway/token-expired",  # thirty days
    "oidc/key-rotated-without-overlap",  # another signing key
    "entra/login-host-unresolvable",  # a host that is cut off
    "oidc/keys-without-use",  # somebody else's answer
    "gateway/backup-corrupt",  # a process that is killed, and one that reads what it did not write
    "gateway/egress-cut",  # a fault that the gateway's own process takes over
    "entra/login-host-times-out",  # the time-out of a setting, in real time
    "webhook/other-process-on-its-port",  # words that OpenSSL and Go have for the same thing
    "entra/outage",  # a fault that ends, and words of azure-identity's own
)


@pytest.mark.parametrize("name", PROVED)
def test_a_scenario_proves_its_cause_live(name: str) -> None:
    """With its cause as in virtual time; without it healthy, and not as with it."""
    assert prove(load(folder() / f"{name}.yaml"), site=LIVE).complaints == ()


@pytest.mark.parametrize("name", RUN)
def test_a_scenario_shows_live_what_it_shows_in_virtual_time(name: str) -> None:
    """All expectations are met, and the explanation is the same."""
    loaded = load(folder() / f"{name}.yaml")
    live, virtual = run(loaded, site=LIVE), run(loaded)
    assert (live.problem, live.skipped, live.failures) == ("", "", ())
    causes = [one.explanation and one.explanation.cause for one in (live, virtual)]
    assert causes[0] == causes[1]


def test_a_scenario_that_cannot_run_live_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """It counts as neither passed nor failed."""
    file = tmp_path / "one.yaml"
    file.write_text(
        "id: test/one\ntitle: One\nstory: It broke.\nsource: somebody/something#1\n"
        "tags: {hop: 5, actor: you}\nneeds: kind\nbecause: a real API server decides\n"
        "expect:\n  - {gateway: ready}\n"
    )
    result = run(load(file), site=LIVE)
    assert (result.passed, result.failed) == (False, False)
    assert result.skipped == "needs kind: a real API server decides"
