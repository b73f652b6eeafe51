"""Mistakes in a scenario file, each shown where it stands and with what to do."""

import re
from pathlib import Path

import pytest

from apim_sandbox.documents import DocumentError
from apim_sandbox.scenario.load import load, load_all, loads

HEAD = """\
id: entra/one
title: One
story: It broke.
source: somebody/something#1
tags: {hop: 5, actor: you}
"""
CAUSE = """\
cause:
  timeline:
    - {at: 10s, removeRole: {principal: apim-gateway}}
"""
EXPECT = """\
expect:
  - {gateway: ready}
"""


def problem(text: str) -> str:
    """The message about a wrong scenario."""
    with pytest.raises(DocumentError) as caught:
        loads(text, "one.yaml")
    return str(caught.value)


def test_a_whole_scenario_loads() -> None:
    """What the mistakes below are made in."""
    assert loads(HEAD + CAUSE + EXPECT).scenario.id == "entra/one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + EXPECT.replace("gateway", "gatewey"),
            'one.yaml:7:6: unknown key "gatewey" in expect[0] (fix: write "gateway")',
        ),
        (
            HEAD + "expect:\n  - journal: {kind: entra.tokens}\n",
            'one.yaml:7:21: expect[0].journal.kind: no event kind is called "entra.tokens"; '
            'did you mean "entra.token"?',
        ),
        (
            HEAD + "expect:\n  - journal: {kind: entra.token, where: {staus: 401}}\n",
            'one.yaml:7:42: an event entra.token has no field "staus" (fix: write "status")',
        ),
        (
            HEAD + "expect:\n  - journal: {kind: entra.token, where: {error: {contain: x}}}\n",
            'one.yaml:7:50: no comparison is called "contain" (fix: write "contains")',
        ),
        (
            HEAD + "expect:\n  - {at: 5m, gateway: ready}\nuntil: 1m\n",
            "one.yaml:7:10: is after the end of the run (60 s) (fix: move until: on)",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {at: 10s}\n",
            "one.yaml:9:5: timeline[0]: needs one of apply, delete, deletePod, assignRole, ",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {at: soon, call: /echo}\n",
            'one.yaml:9:10: timeline[0].at: "soon" is no time; write 90s, 10m, 1h30m or 00:10 ',
        ),
        (
            HEAD + "expect:\n  - explanation: {cause: x, headline: y}\n",
            "one.yaml:7:18: expects an explanation, but there is no cause "
            "(fix: write healthy: true, or name a cause)",
        ),
        (
            HEAD + EXPECT + "mend:\n  - {at: 1s, deletePod: apim-gateway}\n",
            "one.yaml:9:3: mends a scenario that has no cause (fix: remove mend:, or name a cause)",
        ),
        (
            HEAD + EXPECT + "cause:\n  manifest:\n    - {removeLine: azure.workload.identity/client-ids}\n",
            "one.yaml:10:7: the manifest does not hold 'azure.workload.identity/client-ids'",
        ),
        (
            HEAD + EXPECT + 'cause:\n  manifest:\n    - {removeLine: "azure.workload.identity/use"}\n',
            "one.yaml:10:7: the manifest holds 'azure.workload.identity/use' 2 times "
            "(fix: say which: 1, or which: 0 for all)",
        ),
        (
            HEAD + EXPECT + "cause:\n  world:\n    - {remove: roleAssigments/principal=apim-gateway}\n",
            'one.yaml:10:7: nothing in the world is called "roleAssigments" (fix: write "roleAssignments")',
        ),
        (
            HEAD + EXPECT + "cause:\n  world:\n    - {set: clusters/contoso/isuer, to: https://x}\n",
            'one.yaml:10:7: makes the world wrong: unknown key "isuer" in clusters[0] (fix: write "issuer")',
        ),
        (
            HEAD + EXPECT + "cause:\n  timeline:\n    - {skewClock: {actor: entre, ahead: 1h}}\n",
            'one.yaml:10:27: cause.timeline[0].skewClock.actor: no actor is called "entre"; '
            'did you mean "entra"?',
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {after: gateway.stat, call: /echo/hello}\nuntil: 1m\n",
            'one.yaml:9:13: timeline[0].after.kind: no event kind is called "gateway.stat"; '
            'did you mean "gateway.state"?',
        ),
        (
            HEAD
            + EXPECT
            + "timeline:\n  - {after: {kind: gateway.state, where: {stat: ready}}, call: /}\nuntil: 1m\n",
            'one.yaml:9:43: an event gateway.state has no field "stat" (fix: write "state")',
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {after: gateway.state, call: /echo/hello}\n",
            "one.yaml:9:6: after: needs to know when the run ends (fix: add until: 5m)",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {every: 10s, call: /echo/hello}\n",
            "one.yaml:9:6: every: needs to know when the run ends (fix: add until: 5m)",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {every: 0s, times: 3, call: /echo/hello}\n",
            "one.yaml:9:13: timeline[0].every: 0 would never let time go on; write a time above 0",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {every: 1ms, call: /echo/hello}\nuntil: 1m\n",
            "one.yaml:9:13: acts more than 10000 times in this run (fix: add times:, or a longer every:)",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {at: 1m, every: 10s, until: 30s, call: /echo/hello}\n",
            "one.yaml:9:5: timeline[0]: until: 30 s is before its first time, 60 s",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {times: 3, call: /echo/hello}\n",
            "one.yaml:9:5: timeline[0]: times: belongs to every:, which is missing",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {at: 10s, delay: 5s, call: /echo/hello}\n",
            "one.yaml:9:5: timeline[0]: delay: is the time after an event; name it with after:",
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {at: 00:61, call: /echo/hello}\n",
            'one.yaml:9:10: timeline[0].at: "00:61" is no time; minutes and seconds end at 59',
        ),
        (
            HEAD + EXPECT + "timeline:\n  - {cutOff: {host: a.test}}\n  - {at: 1s, reconnect: b.test}\n",
            'one.yaml:10:25: no cutOff step names "b.test" (fix: write "a.test")',
        ),
        (
            HEAD
            + EXPECT
            + "timeline:\n  - {at: 9s, cutOff: {host: a.test}}\n  - {at: 1s, reconnect: a.test}\n",
            "one.yaml:10:10: is before the step cutOff that it takes back (fix: give it a later at:)",
        ),
        (
            HEAD + EXPECT + "needs: kind\n",
            "one.yaml:8:8: needs kind, and does not say why (fix: add because:)",
        ),
        (
            HEAD + "expect:\n  - {call: {status: 2000}}\n",
            "one.yaml:7:21: expect[0].call.status should be at most 599, it is the number 2000",
        ),
        (
            HEAD + "expect:\n  - {call: {path: echo, status: 200}}\n",
            'one.yaml:7:19: expect[0].call.path should be text that matches ^/, it is the text "echo"',
        ),
    ],
)
def test_a_mistake_is_shown_where_it_stands(text: str, message: str) -> None:
    """File, line, column, what is wrong, and the fix."""
    assert problem(text).startswith(message)


def test_a_file_without_a_scenario_says_how_to_begin(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing yet\n", encoding="utf-8")
    with pytest.raises(DocumentError) as refused:
        load(file)
    assert str(refused.value) == f"{file}: is empty (fix: begin with: apim-sandbox scenario new {file})"


def test_a_file_that_powershell_wrote_is_named_so(tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("id: wide\n", encoding="utf-16")
    with pytest.raises(DocumentError) as refused:
        load(file)
    assert str(refused.value) == (
        f"{file}: is not UTF-8 at byte 0 (fix: save it as UTF-8; PowerShell's > writes UTF-16)"
    )


def test_an_id_of_two_files_is_refused_with_both_places(tmp_path: Path) -> None:
    """Ids name results."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(HEAD + EXPECT)
    with pytest.raises(DocumentError) as caught:
        load_all([tmp_path])
    assert str(caught.value) == (
        f'{tmp_path}/b.yaml:1:5: a second scenario is called "entra/one" '
        f"(fix: choose another id (the first is at {tmp_path}/a.yaml:1:5))"
    )


def test_all_mistakes_of_a_folder_come_together(tmp_path: Path) -> None:
    """One look mends all."""
    (tmp_path / "a.yaml").write_text(HEAD.replace("title", "titel") + EXPECT)
    (tmp_path / "b.yaml").write_text(HEAD)
    with pytest.raises(DocumentError) as caught:
        load_all([tmp_path])
    assert [Path(one.file).name for one in caught.value.problems] == ["a.yaml", "a.yaml", "b.yaml"]


REVOKED = HEAD + CAUSE


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            "{cause: backup-unusable, headline: x}",
            'is "backup-unusable", which nothing under cause: can bring about (removeRole) '
            "(fix: put what does under cause: (addFault: corrupt-backup), or name another cause)",
        ),
        (
            "{cause: subject-mismatch, headline: x}",
            'is "subject-mismatch", which nothing under cause: can bring about (removeRole)',
        ),
        (
            '{cause: reader-not-assigned, headline: "It failed (hop 8)", hop: 7}',
            "is 7, but the headline says hop 8 (fix: write 8)",
        ),
        (
            "{cause: reader-not-assigned, headline: x, hop: 8, code: 700213}",
            "is 8, but AADSTS700213 is Entra's, at hop 5 or 6 (fix: write 5)",
        ),
        (
            "{cause: reader-not-assigned, headline: x, code: 700214}",
            "no code of Entra is AADSTS700214 (fix: write 70021)",
        ),
    ],
)
def test_a_cause_and_an_explanation_that_disagree_are_refused(told: str, message: str) -> None:
    """Nothing needs to be run for that."""
    shown = problem(REVOKED + f"expect:\n  - explanation: {told}\n")
    assert shown.startswith("one.yaml:")
    assert message in shown


def test_an_explanation_before_its_cause_is_refused() -> None:
    """The role is taken away at 10 s; one second before there is nothing to explain."""
    wanted = "{cause: reader-not-assigned, headline: x}"
    shown = problem(REVOKED + f"expect:\n  - {{at: 9s, explanation: {wanted}}}\n")
    assert "looks for an explanation at 9 s, before the cause has begun (10 s) (fix: give it a later" in shown


def test_tags_and_a_silence_that_disagree_with_the_explanation_are_refused() -> None:
    """The tag's code is what people search by; who expects an explanation knows that there is one."""
    expect = "expect:\n  - explanation: {cause: subject-mismatch, headline: x, code: 700213}\n"
    cause = "cause:\n  timeline:\n    - {at: 10s, changeCredential: {subject: x}}\n"
    tagged = re.sub(r"tags: .*", "tags: {hop: 5, actor: you, code: AADSTS700211}", HEAD)
    assert "is AADSTS700211, but the explanation is of 700213 (fix: write AADSTS700213)" in problem(
        tagged + cause + expect
    )
    assert "says why explain is silent, but an explanation is expected" in problem(
        HEAD + cause + expect + "silent: it is a decoy\n"
    )
