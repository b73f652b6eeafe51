"""When steps and checks happen: at a moment, again and again, after an event."""

import pytest

from apim_emulators.core.events import GatewayChanged
from apim_sandbox.scenario.load import loads
from apim_sandbox.scenario.runner import Result, prove, run

HEAD = """\
id: test/one
title: One
story: It broke.
source: somebody/something#1
tags: {hop: 9, actor: gateway}
until: 2m
"""
READY = "{kind: gateway.state, where: {state: ready}}"


def played(text: str) -> Result:
    """The run of a scenario."""
    return run(loads(HEAD + text, "one.yaml"))


def calls(result: Result) -> list[float]:
    """When the gateway was called, in seconds from the start."""
    begin = result.records[0].at
    return [round(one.at - begin, 1) for one in result.records if one.kind == "gateway.served"]


@pytest.mark.parametrize("at", ["00:30", "30s", "30", "0:30", "00:00:30"])
def test_a_moment_is_written_in_three_ways(at: str) -> None:
    """A duration, seconds, or as a stop watch shows it."""
    result = played(f"timeline:\n  - {{at: {at}, call: /echo/hello}}\nexpect:\n  - {{gateway: ready}}\n")
    assert calls(result) == [30.0]


@pytest.mark.parametrize(
    ("timing", "moments"),
    [
        ("at: 00:10, every: 20s, times: 3", [10.0, 30.0, 50.0]),
        ("at: 1m, every: 20s, until: 1m40s", [60.0, 80.0, 100.0]),
        ("at: 90s, every: 20s", [90.0, 110.0]),
    ],
)
def test_a_step_is_repeated_so_often_or_so_long(timing: str, moments: list[float]) -> None:
    """`times`, `until`, or to the run's end."""
    result = played(f"timeline:\n  - {{{timing}, call: /echo/hello}}\nexpect:\n  - {{gateway: ready}}\n")
    assert calls(result) == moments


def test_a_step_waits_for_its_event_and_its_delay() -> None:
    """From the moment at which the journal has it."""
    result = played(
        f"timeline:\n  - {{after: {READY}, delay: 10s, call: /echo/hello}}\nexpect:\n  - {{gateway: ready}}\n"
    )
    begin = result.records[0].at
    ready = next(
        one.at - begin
        for one in result.records
        if isinstance(one.event, GatewayChanged) and one.event.state == "ready"
    )
    (called,) = calls(result)
    assert 10 <= called - ready <= 10.2
    assert result.passed


def test_a_step_waits_for_the_second_of_its_events_and_is_repeated_from_there() -> None:
    """A pod is deleted, and the calls begin when the next one is ready."""
    result = played(
        "timeline:\n  - {at: 30s, deletePod: apim-gateway}\n"
        f"  - {{after: {READY[:-1]}, nth: 2}}, every: 5s, times: 2, call: /echo/hello}}\n"
        "expect:\n  - {gateway: ready}\n"
    )
    first, second = calls(result)
    assert 30 < first < 60
    assert second - first == pytest.approx(5.0, abs=0.2)


def test_a_step_whose_event_never_comes_is_a_problem_of_the_run() -> None:
    """It says which event was waited for."""
    result = played("timeline:\n  - {after: fault.fired, call: /echo/hello}\nexpect:\n  - {gateway: ready}\n")
    assert result.problem == "call waited for fault.fired, which never came"


def test_a_check_whose_event_never_comes_fails_with_the_event() -> None:
    """The twin of a scenario lacks the cause's events: there it is a difference, as it should be."""
    loaded = loads(
        HEAD
        + "cause:\n  timeline:\n    - {at: 20s, removeRole: {principal: apim-gateway}}\n"
        + "mend:\n  - {after: {kind: apim.configuration, where: {status: 403}}, assignRole: {role: "
        + "API Management Gateway Configuration Reader Role, principal: apim-gateway}}\n"
        + "expect:\n  - {after: {kind: gateway.state, where: {state: serving-from-memory}}, "
        + "call: {status: 200}}\n  - {healthy: true}\n",
        "one.yaml",
    )
    proof = prove(loaded)
    assert proof.complaints == ()
    assert proof.mended is not None
    (failed,) = proof.mended.failures
    assert (failed.expected, failed.got) == (
        'after gateway.state with state="serving-from-memory"',
        "it never came",
    )


def test_a_check_is_made_again_and_again() -> None:
    """Each time is a verdict of its own."""
    result = played("expect:\n  - {at: 10s, every: 30s, times: 3, gateway: ready}\n")
    assert [one.at for one in result.verdicts] == pytest.approx([10.0, 40.0, 70.0])
    assert result.passed


def test_what_happens_after_an_event_is_the_same_every_time() -> None:
    """The journal, byte for byte."""
    text = (
        f"timeline:\n  - {{after: {READY}, delay: 3s, call: /echo/hello}}\nexpect:\n  - {{gateway: ready}}\n"
    )
    assert played(text).journal == played(text).journal
