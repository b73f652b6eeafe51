"""How a run ends: as expected, with what differs, or with what it waited for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.etree.ElementTree import fromstring

import anyio
import msgspec
import pytest

from apim_sandbox.cli.render.line import plain
from apim_sandbox.scenario import live, report
from apim_sandbox.scenario.load import loads
from apim_sandbox.scenario.runner import prove, run
from apim_sandbox.scenario.venue import Site
from apim_sandbox.world.model import World

HEAD = """\
id: test/one
title: One
story: It broke.
source: somebody/something#1
tags: {hop: 5, actor: you}
"""


def one(text: str) -> str:
    """A scenario's file."""
    return HEAD + text


def test_an_unmet_expectation_says_what_was_seen_instead() -> None:
    """The nearest record, and the field in which it differs."""
    result = run(loads(one("expect:\n  - journal: {kind: entra.token, where: {status: 401}}\n"), "one.yaml"))
    (verdict,) = result.failures
    assert (verdict.expected, verdict.got) == ("status=401", "nearest is record 33: status=200")
    assert verdict.place == "one.yaml:7:5"


def test_a_step_that_cannot_be_done_ends_the_run_with_its_reason() -> None:
    """The scenario is wrong, not the sandbox: the step's place in the file comes first."""
    text = "timeline:\n  - {at: 1s, deletePod: nobody}\nexpect:\n  - {gateway: ready}\n"
    result = run(loads(one(text), "one.yaml"))
    assert not result.passed
    assert result.problem.startswith('one.yaml:7:5: no pod is called "nobody…"; there are apim-gateway-')


def test_a_step_that_names_nothing_there_is_called_as_in_its_file() -> None:
    """By the key that somebody wrote."""
    text = "timeline:\n  - {at: 1s, rotateKey: {cluster: elsewhere}}\nexpect:\n  - {gateway: ready}\n"
    assert run(loads(one(text), "one.yaml")).problem == (
        "one.yaml:7:5: rotateKey at 1 s: no cluster is called 'elsewhere'; there are contoso"
    )


def test_a_log_is_compared_and_shown_without_its_colours() -> None:
    """The image colours its level; what somebody reads is what is compared."""
    text = "expect:\n  - {log: '[Info] 20'}\n  - {log: nothing of the kind}\n"
    (verdict,) = run(loads(one(text))).failures
    assert verdict.got.startswith("not in the log, whose last line is: [")


def test_a_fault_that_never_fired_is_reported() -> None:
    """A fault on a component that nobody asks proves nothing."""
    text = one(
        "cause:\n  timeline:\n"
        "    - {addFault: {target: graph, fault: status, arguments: {code: 500}}}\n"
        "expect:\n  - {gateway: ready}\n"
    )
    assert run(loads(text)).problem == "fault status never fired"


def test_a_run_beyond_its_time_limit_says_what_it_waited_for() -> None:
    """A thousand days of polling are cut short."""
    result = run(loads(one("until: 1000d\nexpect:\n  - {gateway: ready}\n")), time_limit=0.3)
    assert result.problem == ("did not end within 0.3 s of real time; it waited for the check of gateway")


def test_a_scenario_that_needs_more_than_virtual_time_is_skipped_with_its_reason() -> None:
    """It says so rather than failing."""
    result = run(
        loads(one("needs: kind\nbecause: a real API server decides\nexpect:\n  - {gateway: ready}\n"))
    )
    assert (result.passed, result.failed, result.skipped) == (
        False, False, "needs kind: a real API server decides",
    )  # fmt: skip


def test_a_cause_that_changes_nothing_is_no_proof() -> None:
    """The twin would pass as well."""
    text = one("cause:\n  timeline:\n    - {call: /echo/hello}\nexpect:\n  - {gateway: ready}\n")
    assert prove(loads(text)).complaints == (
        "without its cause nothing changes: every expectation is still met",
    )


def test_another_seed_gives_another_journal() -> None:
    """Else equal journals would prove nothing."""
    loaded = loads(one("expect:\n  - {gateway: ready}\n"))
    assert run(loaded, seed=1).journal != run(loaded, seed=2).journal


def test_a_failure_is_reported_to_people_programs_and_ci() -> None:
    """The same facts three times."""
    result = run(loads(one("expect:\n  - {gateway: stopped}\n"), "one.yaml"))
    text = plain(report.summary([result], 1.0))
    assert "FAILED test/one   One\n  gateway, at 15 s   one.yaml:7:5\n    expected  stopped\n" in text
    assert "  Next:     apim-sandbox scenario run one.yaml --walk\n" in text
    assert text.rstrip().splitlines()[-1].startswith("0 passed, 1 failed of 1 scenario")
    case = fromstring(report.junit([result])).find("testsuite/testcase")
    assert case is not None
    assert (case.get("classname"), case.get("name")) == ("scenario.test", "one")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "gateway: expected stopped"
    decoded = msgspec.json.decode(report.json_line(result))
    assert (decoded["id"], decoded["outcome"]) == ("test/one", "failed")
    assert decoded["expectations"][0]["got"] == "ready"


def test_a_sandbox_that_breaks_fails_its_own_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live, an exception of a part of ours comes in groups: its reason is told, the next scenario goes on."""

    @asynccontextmanager
    async def broken(_: World) -> AsyncIterator[None]:
        async with anyio.create_task_group():
            raise RuntimeError("the kubelet fell over")
            yield

    monkeypatch.setattr(live, "opened", broken)
    result = run(loads(one("expect:\n  - {gateway: ready}\n")), site=Site("live"))
    assert (result.failed, result.problem) == (
        True, "a defect of apim-sandbox: RuntimeError('the kubelet fell over')",
    )  # fmt: skip


def test_while_they_run_each_folder_shows_how_far_it_is() -> None:
    """On a terminal, with the failures so far."""
    good, bad = loads(one("expect:\n  - {gateway: ready}\n")), loads(one("expect:\n  - {gateway: stopped}\n"))
    results = [run(good), run(bad)]
    assert plain(report.under_way([good, bad, good, good], results)) == (
        "  test/    2 of 4    ██████████░░░░░░░░░░  1 failed\n"
    )
