"""Waiting for what does not come: the error says what was waited for, and what there was instead."""

from collections.abc import Iterator

import pytest

from apim_emulators.core.journal import Record
from apim_sandbox import Sandbox, SandboxError


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One in which nothing happens by itself any more: the webhook has its certificate."""
    with Sandbox.start() as started:
        started.wait_for("the certificate", lambda one: getattr(one.event, "type", "") == "Secret", since=0)
        yield started


def never(_: Record) -> bool:
    """What is waited for."""
    return False


def test_nothing_came(sandbox: Sandbox) -> None:
    """Since a moment after which nothing happened."""
    since = sandbox.status()["journal"]
    with pytest.raises(SandboxError, match=r"waited 0\.1 s for a miracle, and it did not come; nothing else"):
        sandbox.wait_for("a miracle", never, since=since, timeout=0.1)


def test_what_is_there_is_found_however_late_it_is_delivered(sandbox: Sandbox) -> None:
    """Patience that ends before the stream has begun: the last look is at the journal itself."""
    since = sandbox.status()["journal"]
    sandbox.clock.advance(seconds=1)
    moved = sandbox.wait_for("a move", lambda one: one.kind == "clock.moved", since=since, timeout=1e-6)
    assert moved.sequence == since + 1


def test_something_else_came(sandbox: Sandbox) -> None:
    """How much, and what came last."""
    since = sandbox.status()["journal"]
    sandbox.clock.advance(seconds=1)
    sandbox.clock.advance(seconds=1)
    with pytest.raises(SandboxError, match=r"it did not come; of 2 other records the last is clock\.moved$"):
        sandbox.wait_for("a miracle", never, since=since, timeout=0.1)
