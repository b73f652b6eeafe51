"""What happened to a pod, joined by what really travels."""

import random

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.story import (
    ADMITTED,
    ASKED,
    NAMESPACE,
    POD,
    PROJECTED,
    STORIES,
    Story,
    healthy,
    lost_reader,
    subject_mismatch,
    unmutated,
)

from apim_emulators.core.journal import Record
from apim_sandbox.insight.walk import Attempt, Walk, attempts, build


def verdicts(walk: Walk) -> list[tuple[int, str]]:
    return [(hop.number, hop.verdict) for hop in walk.hops]


def test_a_healthy_pod_walks_all_nine_hops() -> None:
    walk = build(healthy().records)
    assert (walk.pod, verdicts(walk)) == (f"{NAMESPACE}/{POD}", [(number, "ok") for number in range(1, 10)])
    assert (walk.complete, walk.broken) == (True, None)


@pytest.mark.parametrize(
    ("name", "hop"),
    [
        ("subject-mismatch", 5),
        ("wrong-audience", 5),
        ("issuer-unreachable", 5),
        ("lost-reader", 8),
        ("missing-validator", 8),
        ("unmutated", 2),
    ],
)
def test_a_walk_ends_at_the_first_broken_hop(name: str, hop: int) -> None:
    walk = build(STORIES[name]().records)
    assert walk.broken is not None
    assert (walk.broken.number, walk.hops[-1].number, walk.complete) == (hop, hop, False)


def test_a_pod_that_was_there_before_is_not_the_newest() -> None:
    """A rolling update: the old pod asks on after the new one was admitted, and the walk is the new one's."""
    story = Story()
    story.add("cluster", ADMITTED)
    story.add("gateway", replace(ASKED, pod="apim-gateway-old-1", operation="events"))
    assert build(story.records).pod == f"{NAMESPACE}/{POD}"


def test_no_records_make_an_empty_walk() -> None:
    assert build([]) == Walk("", ())
    assert build(healthy().records, "unknown") == Walk("", ())


def test_records_are_joined_by_ids_and_not_by_position() -> None:
    story = healthy()
    tail = [record.event for record in story.records[4:]]
    random.Random(7).shuffle(tail)
    shuffled = Story().applied()
    for event in tail:
        shuffled.add("control", event)
    assert verdicts(build(shuffled.records)) == verdicts(build(story.records))


def test_the_newest_pod_is_told_unless_another_one_is_asked_for() -> None:
    story = healthy()
    newer = "apim-gateway-7c9f5d4b8-zzzzz"
    story.add("webhook", replace(ADMITTED, pod=newer))
    story.add("cluster", replace(PROJECTED, pod=newer, jti="jti-2"))
    assert build(story.records).pod == f"{NAMESPACE}/{newer}"
    assert verdicts(build(story.records)) == [(1, "ok"), (2, "ok"), (3, "ok")]
    assert build(story.records, POD).complete
    assert build(story.records, f"{NAMESPACE}/{POD}").complete
    assert build(story.records, "apim-gateway").pod == f"{NAMESPACE}/{newer}"


def test_two_pods_of_one_client_are_told_apart_by_their_assertions() -> None:
    story = healthy()
    other = "apim-gateway-7c9f5d4b8-zzzzz"
    story.add("webhook", replace(ADMITTED, pod=other))
    story.add("cluster", replace(PROJECTED, pod=other, jti="jti-2"))
    story.refused(code=700213, assertion_jti="jti-2")
    assert build(story.records, POD).complete
    broken = build(story.records, other).broken
    assert broken is not None
    assert broken.number == 5


def test_an_exchange_without_jti_belongs_to_the_pod_that_the_token_names() -> None:
    from tests.sandbox.insight.story import EXCHANGED, assertion

    story = Story()
    story.add("cluster", replace(PROJECTED, jti=""))
    bound = {"namespace": NAMESPACE, "pod": {"name": POD}}
    token = assertion(**{"kubernetes.io": bound})
    story.add("entra", replace(EXCHANGED, assertion=token, assertion_jti=""))
    assert [hop.number for hop in build(story.records).hops] == [3, 4, 5, 6]


def test_a_recovered_gateway_is_told_by_the_way_that_worked() -> None:
    story = lost_reader().polled(200, "request-4")
    walk = build(story.records)
    assert walk.complete
    assert walk.hops[6].what.endswith("/gateways/on-prem/snapshot")


def test_a_refused_renewal_ends_the_walk_though_older_polls_were_answered() -> None:
    story = healthy().polled(200, "request-2")
    story.add("cluster", replace(PROJECTED, jti="jti-2", renewal=True))
    story.refused(code=700213, assertion_jti="jti-2")
    walk = build(story.records)
    assert verdicts(walk) == [(1, "ok"), (2, "ok"), (3, "ok"), (4, "ok"), (5, "failed")]
    assert walk.hops[2].what == "token renewed, 1 h, renewed at 48 min"


def test_keys_that_were_not_fetched_came_from_the_cache() -> None:
    from tests.sandbox.insight.story import EXCHANGED

    story = Story().started()
    story.add("entra", EXCHANGED, 2)
    hop = build(story.records).hops[4]
    assert (hop.what, hop.duration) == ("keys from Entra's cache", None)


def test_a_request_that_never_reached_the_service_breaks_hop_seven() -> None:
    story = Story().started().exchanged()
    story.add("gateway", replace(ASKED, status=None, request_id="", error="timed out"))
    broken = build(story.records).broken
    assert broken is not None
    assert (broken.number, [detail.value for detail in broken.details]) == (7, ["timed out"])


def test_an_unmutated_pod_that_signs_in_all_the_same_is_no_failure() -> None:
    from tests.sandbox.insight.story import EXCHANGED

    story = unmutated()
    story.add("cluster", PROJECTED)
    story.add("entra", EXCHANGED)
    assert verdicts(build(story.records))[1] == (2, "info")


def test_attempts_are_the_polls_in_order() -> None:
    story = lost_reader()
    story.add("gateway", replace(ASKED, status=None, request_id="", operation="events", error="timed out"))
    pod = f"{NAMESPACE}/{POD}"
    found = attempts(story.records)
    assert [(one.operation, one.status, one.ok) for one in found] == [
        ("snapshot", 200, True),
        ("events", 200, True),
        ("events", 403, False),
        ("events", None, False),
    ]
    assert {one.pod for one in found} == {pod}
    assert found == attempts(story.records, POD)
    last = story.records[-1]
    assert found[-1] == Attempt(pod, last.at, "events", None, "", "timed out", (last.sequence,))


def test_every_hop_names_the_records_it_rests_on() -> None:
    records = {record.sequence: record for record in healthy().records}
    kinds = [[kind(records[sequence]) for sequence in hop.records] for hop in build(healthy().records).hops]
    assert kinds == [
        ["cluster.applied"] * 4,
        ["cluster.admitted"],
        ["cluster.projected"],
        ["entra.token", "gateway.token"],
        ["entra.token", "entra.issuer_fetched", "entra.issuer_fetched"],
        ["entra.token"],
        ["apim.configuration", "gateway.configuration"],
        ["apim.configuration", "arm.request"],
        ["gateway.state"],
    ]


def kind(record: Record) -> str:
    return record.kind


def test_the_mismatch_carries_both_values() -> None:
    broken = build(subject_mismatch().records).broken
    assert broken is not None
    assert broken.comparison is not None
    assert (broken.comparison.what, broken.comparison.position) == ("subject", 66)
