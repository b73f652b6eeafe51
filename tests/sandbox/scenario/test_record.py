"""What a session did becomes a scenario that shows the same."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from apim_emulators.core.journal import Record
from apim_sandbox.control.history import Command
from apim_sandbox.examples import article_manifest
from apim_sandbox.scenario.load import loads
from apim_sandbox.scenario.record import Session, expectations, recorded
from apim_sandbox.scenario.runner import run
from apim_sandbox.world.default import default_world

ARTICLE = article_manifest()[1]
SESSION = """\
id: session
title: A session
story: Somebody tries things.
source: here
tags: {hop: 8, actor: you}
"""


def session(text: str, commands: Sequence[tuple[float, str, str, Any]]) -> Session:
    """What a sandbox tells after a scenario was played in it; commands as (seconds, method, path, body)."""
    records = run(loads(SESSION + text + "expect:\n  - {gateway: ready}\n")).records
    begin = records[0].at
    told = [Command(begin + at, method, path, body) for at, method, path, body in commands]
    return Session(records, told, default_world(), ARTICLE)


def applied(text: str = ARTICLE) -> tuple[str, str, Any]:
    """The request that applies a manifest."""
    return "POST", "/apply", {"documents": [{"path": "gateway.yaml", "text": text}]}


def causes(records: Sequence[Record]) -> set[str]:
    """Why configuration was refused."""
    return {getattr(one.event, "cause", "") for one in records if one.kind == "apim.configuration"}


def test_a_manifest_is_recorded_by_what_differs_from_the_article() -> None:
    """The rest of the file need not be repeated."""
    wrong = ARTICLE.replace("config.service.auth: workloadIdentity", "config.service.auth: workloadidentiti")
    found = recorded(session("", [(0.0, *applied(wrong))]), "mine")
    edit = {
        "replace": "config.service.auth: workloadIdentity",
        "with": "config.service.auth: workloadidentiti",
    }
    assert found.document["manifest"] == [edit]
    assert found.left_out == []


def test_changes_of_the_cloud_come_from_the_journal_by_their_names() -> None:
    """A role taken away and a credential changed, each at its time."""
    told = session(
        "until: 1m\ntimeline:\n"
        "  - {at: 20s, removeRole: {principal: apim-gateway}}\n"
        "  - {at: 30s, changeCredential: {subject: 'system:serviceaccount:a:b'}}\n",
        [(0.0, *applied())],
    )
    assert recorded(told, "mine").document["cause"]["timeline"] == [
        {
            "at": "20s",
            "removeRole": {
                "role": "API Management Gateway Configuration Reader Role",
                "principal": "apim-gateway",
            },
        },
        {
            "at": "30s",
            "changeCredential": {
                "application": "apim-gateway",
                "name": "apim-gateway-federated-credential",
                "subject": "system:serviceaccount:a:b",
            },
        },
    ]


def test_clock_pods_and_faults_come_from_the_commands() -> None:
    """What no step can say is named."""
    begin = session("", []).records[0].at
    told = session(
        "",
        [
            (0.0, *applied()),
            (5.0, "POST", "/clock/advance", {"seconds": 3600}),
            (6.0, "POST", "/clock/skew", {"actor": "entra", "seconds": -20}),
            (7.0, "DELETE", "/pods/apim-gateway-wi/apim-gateway-abc-def", None),
            (8.0, "POST", "/clock/set", {"moment": begin + 68.0}),
            (9.0, "POST", "/upheaval", None),
        ],
    )
    found = recorded(told, "mine")
    assert found.document["timeline"] == [
        {"at": "5s", "advanceClock": "1h"},
        {"at": "6s", "skewClock": {"actor": "entra", "behind": 20}},
        {"at": "7s", "deletePod": "apim-gateway"},
        {"at": "8s", "advanceClock": "1m"},
    ]
    assert found.left_out == ["POST /upheaval"]


def test_a_second_manifest_is_a_step_and_the_first_one_is_then_too() -> None:
    """Else nothing would be applied at the start."""
    wrong = ARTICLE.replace("replicas: 1", "replicas: 2")
    found = recorded(session("", [(0.0, *applied()), (8.0, *applied(wrong))]), "mine").document["timeline"]
    assert [(step["at"], len(step["apply"])) for step in found] == [(_zero(found), 0), ("8s", 1)]


def _zero(steps: list[Any]) -> str:
    """The first step's time, which is the start."""
    assert steps[0]["at"] in ("0s", "0ms")
    return str(steps[0]["at"])


def test_a_gateway_token_is_no_part_of_the_file() -> None:
    """It is made anew, to live as long."""
    token = "on-prem&202601311200&c2lnbmF0dXJl=="
    text = ARTICLE.replace(
        "config.service.auth: workloadIdentity", f'config.service.auth: "GatewayKey {token}"'
    )
    document = recorded(session("", [(0.0, *applied(text))]), "mine").document
    assert token not in str(document)
    assert [next(key for key in step if key != "at") for step in document["timeline"]] == ["makeToken"]


@pytest.mark.parametrize(
    "timeline",
    [
        "  - {at: 20s, removeRole: {principal: apim-gateway}}\n",
        "  - {at: 20s, deleteCredential: {}}\n  - {at: 25s, deletePod: apim-gateway}\n",
    ],
)
def test_a_recording_runs_passes_and_shows_the_same_cause(timeline: str) -> None:
    """From the journal to a file and back."""
    told = session(f"until: 2m\ntimeline:\n{timeline}", [(0.0, *applied())])
    if "deletePod" in timeline:
        pod = ("DELETE", "/pods/apim-gateway-wi/apim-gateway-abc-def", None)
        told = Session(
            told.records, [*told.commands, Command(told.records[0].at + 25, *pod)], told.world, ARTICLE
        )
    document = recorded(told, "mine").document
    first = run(loads(yaml.safe_dump({**document, "expect": [{"gateway": "ready"}]})))
    expected = expectations(first.explanation, first.records, not first.healthy, first.verdicts[0].got)
    again = run(loads(yaml.safe_dump({**document, "expect": expected})))
    assert again.passed
    assert again.explanation is not None
    assert causes(again.records) == causes(told.records)
    assert {"gateway", "journal", "explanation"} == {next(iter(one)) for one in expected}


def test_faults_that_were_cleared_are_taken_back_and_the_run_is_the_session() -> None:
    """Each by its id, also one that got a number; the journal is the session's, byte for byte."""
    outage = {"fault": "status", "target": "apim", "arguments": {"code": 503}}
    late = {"fault": "latency", "target": "entra", "arguments": {"seconds": 1.0}}
    told = session(
        "until: 71s\ntimeline:\n"
        f"  - {{at: 12s, addFault: {yaml.safe_dump(outage, default_flow_style=True).strip()}}}\n"
        "  - {at: 35s, removeFault: status}\n"
        "  - {at: 56s, removeRole: {principal: apim-gateway}}\n",
        [
            (0.0, *applied()),
            (12.0, "POST", "/faults", outage),
            (20.0, "POST", "/faults", {**outage, "target": "arm", "arguments": {"code": 500}}),
            (21.0, "POST", "/faults", late),
            (35.0, "DELETE", "/faults", None),
        ],
    )
    found = recorded(told, "mine")
    assert found.left_out == ["fault status-2, which never acted", "fault latency, which never acted"]
    cause = found.document["cause"]["timeline"]
    assert [step for step in cause if "removeFault" in step] == [{"at": "35s", "removeFault": "status"}]
    again = run(loads(yaml.safe_dump({**found.document, "expect": [{"gateway": "serving-from-memory"}]})))
    assert again.passed
    assert [one.event for one in again.records] == [one.event for one in told.records]


def test_what_was_done_while_the_clock_stood_comes_one_after_the_other() -> None:
    """A freeze is no step; a clock that stands at the end ends the run soon."""
    told = session(
        "",
        [
            (0.0, *applied()),
            (30.0, "POST", "/clock/freeze", None),
            (30.0, "POST", "/clock/skew", {"actor": "entra", "seconds": 5}),
            (30.0, "DELETE", "/pods/apim-gateway-wi/apim-gateway-abc-def", None),
        ],
    )
    found = recorded(told, "mine")
    assert (found.document["timeline"], found.document["until"], found.left_out) == (
        [
            {"at": "30s", "skewClock": {"actor": "entra", "ahead": 5}},
            {"at": "31s", "deletePod": "apim-gateway"},
        ],
        "36s",
        [],
    )
