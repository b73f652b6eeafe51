"""Faults act where and when they are asked to, in a defined order, and say so."""

import pytest

from apim_emulators.core.clock import VIRTUAL_EPOCH
from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults import (
    Calls,
    FaultError,
    Faults,
    Planned,
    Scope,
    make_fault,
    read_planned,
)

from .lab import Lab, in_lab


def down(fault_id: str = "x", **scope: object) -> Planned:
    """Entra answers 503, within a scope."""
    return Planned(fault_id, "entra", make_fault("status", code=503), Scope(**scope))  # type: ignore[arg-type]


async def ask_five_times(lab: Lab) -> list[int]:
    return [await lab.status() for _ in range(5)]


def test_nothing_happens_without_faults() -> None:
    """The gate is open."""
    assert in_lab(ask_five_times) == [200] * 5


def test_a_fault_acts_on_the_calls_it_names() -> None:
    """Calls count from 1, both ends included; the journal says which they were."""

    async def main(lab: Lab) -> tuple[list[int], list[FaultFired], dict[str, int]]:
        return await ask_five_times(lab), lab.fired(), lab.faults.fired

    statuses, fired, counts = in_lab(main, down(calls=Calls.parse("2..3")))
    assert statuses == [200, 503, 503, 200, 200]
    assert fired == [FaultFired("status", "entra", call, "answered 503", "x") for call in (2, 3)]
    assert counts == {"x": 2}


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("3..5", Calls(3, 5)),
        ("3..", Calls(3)),
        ("..5", Calls(1, 5)),
        ("3", Calls(3, 3)),
        (" 1 ", Calls(1, 1)),
    ],
)
def test_calls_are_written_as_ranges(text: str, calls: Calls) -> None:
    """And shown as they are written."""
    assert Calls.parse(text) == calls
    assert Calls.parse(str(calls)) == calls


@pytest.mark.parametrize("text", ["", "..", "a", "5..3", "0", "3...5", "-1"])
def test_what_is_no_range_of_calls_is_refused(text: str) -> None:
    """The message shows how one looks, or what is wrong."""
    with pytest.raises(FaultError, match="calls"):
        Calls.parse(text)


def test_a_window_opens_and_closes_to_the_tick() -> None:
    """From its first moment, until before its last; calls count within it alone."""

    async def main(lab: Lab) -> list[int]:
        seen = []
        for moment in (9.999, 10.0, 15.0, 19.999, 20.0):
            await lab.clock.sleep_until(VIRTUAL_EPOCH + moment)
            seen.append(await lab.status())
        return seen

    window = {"since": VIRTUAL_EPOCH + 10, "until": VIRTUAL_EPOCH + 20}
    assert in_lab(main, down(**window)) == [200, 503, 503, 503, 200]
    assert in_lab(main, down(calls=Calls(1, 1), **window)) == [200, 503, 200, 200, 200]


def test_a_scope_names_tenant_path_and_method() -> None:
    """A tenant by any of its names; a path by its beginning. Calls count among what they let through."""

    async def main(lab: Lab) -> list[int]:
        asked = [("/a/token", "POST"), ("/b/token", "POST"), ("/a/keys", "GET"), ("/a/token", "POST")]
        return [await lab.status(path, method) for path, method in asked]

    assert in_lab(main, down(tenant="ID-OF-A")) == [503, 200, 503, 503]
    assert in_lab(main, down(path="/a/t")) == [503, 200, 200, 503]
    assert in_lab(main, down(method="POST", path="/a", calls=Calls(2, 2))) == [200, 200, 200, 503]


def test_a_scope_names_a_gateway() -> None:
    """In the configuration API's paths and ARM's alike, in any letter case."""

    async def main(lab: Lab) -> list[int]:
        return [
            await lab.status(path)
            for path in ("/gateways/on-prem/events", "//gateways/other/events", "/x/gateways/On-Prem")
        ]

    plan = Planned("x", "apim", make_fault("status", code=503), Scope(gateway="on-prem"))
    assert in_lab(main, plan, target="apim") == [503, 200, 503]


def test_chance_is_drawn_from_the_seed_alone() -> None:
    """The same seed fails the same calls; about as many as the chance says."""

    async def main(lab: Lab) -> list[int]:
        return [await lab.status() for _ in range(200)]

    def failed(seed: str) -> list[int]:
        statuses = in_lab(main, down(chance=0.3, seed=seed))
        return [call for call, status in enumerate(statuses) if status == 503]

    assert failed("a") == failed("a") != failed("b")
    assert 40 < len(failed("a")) < 80


def test_delays_come_first_then_bodies_and_answers() -> None:
    """Whatever the order of adding; within a stage the first added is the outermost, and one answers."""

    async def main(lab: Lab) -> tuple[float, bytes, list[str]]:
        found = await lab.http.get("https://login.microsoftonline.com/")
        return lab.clock.now() - VIRTUAL_EPOCH, found.content, [one.id for one in lab.fired()]

    plans = (
        Planned("page", "entra", make_fault("html-page", title="hello")),
        Planned("never", "entra", make_fault("status", code=500)),
        Planned("half", "entra", make_fault("malformed-json")),
        Planned("late", "entra", make_fault("latency", seconds=3)),
        Planned("later", "entra", make_fault("latency", seconds=4)),
    )
    seconds, body, fired = in_lab(main, *plans)
    page = b"<!doctype html><html><head><title>hello</title></head><body><h1>hello</h1></body></html>"
    assert (seconds, body) == (7.0, page[: len(page) // 2])
    assert fired == ["late", "later", "half", "page"]


def test_a_fault_that_was_never_reached_has_not_fired() -> None:
    """Its scope let calls through, but another answered before it."""

    async def main(lab: Lab) -> tuple[dict[str, int], dict[str, int], list[str]]:
        await ask_five_times(lab)
        return lab.faults.calls, lab.faults.fired, lab.faults.unfired

    assert in_lab(main, down("first"), down("second")) == (
        {"first": 5, "second": 5}, {"first": 5, "second": 0}, ["second"],
    )  # fmt: skip


def test_a_fault_goes_by_when_it_is_removed() -> None:
    """One by one, or all; what fired is still told of the removed."""

    async def main(lab: Lab) -> tuple[list[int], list[str]]:
        before = await lab.status()
        assert (lab.faults.remove("x"), lab.faults.remove("x")) == (True, False)
        seen = [before, await lab.status()]
        lab.faults.add(down("y"))
        lab.faults.remove("y")
        unfired = lab.faults.unfired
        lab.faults.clear()
        assert lab.faults.unfired == []
        return seen, unfired

    assert in_lab(main, down()) == ([503, 200], ["y"])


def test_another_process_takes_the_plan_over() -> None:
    """As plain JSON values; what stays goes on counting, what is new counts from 1."""
    plan = down(calls=Calls(2), tenant="a", chance=0.5, seed="s", until=99.0)
    assert read_planned(plan.to_builtins()) == plan
    faults = Faults()
    faults.follow([down("a"), down("b")])
    faults.calls = {"a": 4, "b": 7}
    faults.follow([read_planned(one.to_builtins()) for one in (down("b"), down("a", method="GET"))])
    assert (list(faults.planned), faults.calls) == (["b", "a"], {"b": 7, "a": 0})


@pytest.mark.parametrize(
    ("scope", "field", "message"),
    [
        ({"since": 5.0, "until": 5.0}, "until", "over before it begins"),
        ({"path": "token"}, "path", "begins with a slash"),
        ({"method": "PSOT"}, "method", "did you mean 'POST'"),
        ({"chance": 0.0, "seed": "1"}, "chance", "above 0 and at most 1"),
        ({"chance": 0.5}, "seed", "needs a seed"),
    ],
)
def test_an_impossible_scope_is_refused(scope: dict[str, object], field: str, message: str) -> None:
    """The message says which part, and how it would do."""
    with pytest.raises(FaultError, match=message) as refused:
        Scope(**scope)  # type: ignore[arg-type]
    assert refused.value.field == (field,)


@pytest.mark.parametrize(
    ("fault", "target", "scope", "field", "message"),
    [
        ("status", "gateway", Scope(), "target", "can be at oidc, webhook"),
        ("status", "enntra", Scope(), "target", "did you mean 'entra'"),
        ("stale-jwks", "oidc", Scope(), "target", "it can be at entra"),
        ("status", "oidc", Scope(tenant="a"), "tenant", "can by calls and times, path, method"),
        ("name-unknown", "entra", Scope(path="/a"), "path", "can by calls and times"),
        ("skewed-clock", "entra", Scope(calls=Calls(2)), "calls", "limit it by its time"),
    ],
)
def test_a_fault_that_can_not_be_at_its_target_or_in_its_scope_is_refused(
    fault: str, target: str, scope: Scope, field: str, message: str
) -> None:
    """With what would be possible."""
    arguments = {"status": {"code": 503}, "skewed-clock": {"seconds": 1}}.get(fault, {})
    with pytest.raises(FaultError, match=message) as refused:
        Planned("x", target, make_fault(fault, **arguments), scope)
    assert refused.value.field == (field,)


def test_a_taken_id_and_a_fault_that_can_not_act_here_are_refused() -> None:
    """The message says what to do instead."""
    faults = Faults(unable={"status": "there is no front door"})
    faults.add(Planned("x", "entra", make_fault("none")))
    with pytest.raises(FaultError, match="'x' is taken"):
        faults.add(Planned("x", "entra", make_fault("none")))
    with pytest.raises(FaultError, match="can't act here: there is no front door"):
        faults.add(down("y"))
