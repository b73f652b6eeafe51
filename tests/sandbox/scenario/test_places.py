"""Where scenarios run, and why not elsewhere."""

import pytest

from apim_sandbox.documents import Document
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import load_all, loads
from apim_sandbox.scenario.places import PLACES, places
from apim_sandbox.world.content import content
from apim_sandbox.world.load import from_document

HEAD = """\
id: test/one
title: One
story: It broke.
source: somebody/something#1
tags: {hop: 5, actor: you}
"""
READY = "expect:\n  - {gateway: ready}\n"
KIND = {
    "cutOff: {host: graph.microsoft.com}": "cuts off graph.microsoft.com (name)",
    "cutOff: {host: azure-wi-webhook-webhook-service.azure-workload-identity-system.svc, how: reset}": (
        "cuts off the webhook"
    ),
    "rotateKey: {}": "swaps the signing key",
    "advanceClock: 2h": "jumps in time",
    "skewClock: {actor: oidc, ahead: 1h}": "skews the signer's clock",
    "addFault: {target: webhook, fault: status, arguments: {code: 500}}": "a fault of webhook",
}


def where(text: str) -> dict[str, str]:
    """Places with their reasons, of a scenario with these lines."""
    return {on: reason for on, reason in places(loads(HEAD + text + READY)).items() if reason}


def test_a_scenario_without_anything_unusual_runs_everywhere() -> None:
    """The same file."""
    assert where("") == {}
    assert PLACES == ("embedded", "live", "kind")


def test_an_issuer_is_not_cut_off_alone_where_it_is_the_api_server_too() -> None:
    """Live one program answers for both; on kind the API server is a real one."""
    cut = "timeline:\n  - {cutOff: {host: oidc.sandbox.test, how: reset}}\n"
    assert where(cut) == {
        "live": "cuts off oidc.sandbox.test alone: live, the API server is the same program and goes with it"
    }


def test_an_emulators_container_can_fail_its_callers_itself() -> None:
    """By a reset, a certificate or silence, and with somebody else's answer."""
    steps = (
        "cutOff: {host: login.microsoftonline.com, how: certificate}",
        "answer: {host: oidc.sandbox.test}",
    )
    assert where("timeline:\n" + "".join(f"  - {{{step}}}\n" for step in steps)) == {}


@pytest.mark.parametrize(("step", "reason"), KIND.items())
def test_a_step_says_why_a_real_cluster_cannot_do_it(step: str, reason: str) -> None:
    """The reason is printed where the scenario is skipped."""
    assert where(f"timeline:\n  - {{{step}}}\n")["kind"].startswith(reason)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("set: clusters/contoso/issuer\n    to: https://elsewhere.sandbox.test", "changes the cluster"),
        (
            "add: resourceGroups/contoso-rg/apiManagementServices\n    to: {name: fabrikam}",
            "has another service",
        ),
    ],
)
def test_a_world_that_the_cluster_was_not_made_for(edit: str, reason: str) -> None:
    """`kind up` has settled the issuer, the webhook and the names on the network."""
    assert where(f"cause:\n  world:\n  - {edit}\n")["kind"].startswith(reason)


def test_a_run_longer_than_a_tokens_life() -> None:
    """The kubelet's time is real."""
    assert where("until: 2h\n") == {"kind": "takes 7200 s of the cluster's own time"}


def test_what_only_the_author_knows() -> None:
    """`needs` for one place alone, `notOn` for the others one by one."""
    assert where("needs: kind\nbecause: a real API server decides\n") == {
        "embedded": "needs kind: a real API server decides",
        "live": "needs kind: a real API server decides",
    }
    assert where("needs: live\nbecause: a real client\n") == {"embedded": "needs live: a real client"}
    assert where("notOn: {live: this machine has no IPv6}\n") == {"live": "this machine has no IPv6"}


def test_every_world_of_the_catalogue_can_be_sent_to_another_process() -> None:
    """As its file holds it, nothing added and nothing left out."""
    for one in load_all([folder()]):
        world = one.world()
        assert from_document(Document("<world>", content(world))) == world


def test_the_catalogue_runs_in_many_places() -> None:
    """Fewer than these would mean that a reason has become too wide."""
    catalogue = [places(one) for one in load_all([folder()])]
    able = {on: sum(not found[on] for found in catalogue) for on in PLACES}
    assert able["embedded"] >= 140
    assert able["live"] >= 135
    assert able["kind"] >= 105
