"""Virtual time: a day in a second, the same journal byte for byte from the same seed.

Runs on trio with a `MockClock` that jumps to the next deadline as soon as nobody can run. Nothing in
a virtual run may use a thread, socket or subprocess: the clock would run away while it waits.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
import trio._core._run as scheduler
import trio.testing

T = TypeVar("T")


def run_virtual(function: Callable[[], Awaitable[T]], *, seed: int = 0) -> T:
    """Run `function` to its end in virtual time.

    An exception of `function` comes out bare, not in the groups of the task groups around it.

    trio shuffles runnable tasks; its own hook for that (the one Hypothesis uses) and its random
    source are set here and put back afterwards, so that equal seeds schedule equally.
    """
    was_deterministic = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    state = scheduler._r.getstate()
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    scheduler._r.seed(seed)
    try:
        return trio.run(function, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseExceptionGroup as group:
        raise the_only(group) from None
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = was_deterministic  # type: ignore[misc]
        scheduler._r.setstate(state)


def the_only(error: BaseException) -> BaseException:
    """The one exception inside nested groups; the group itself where there are several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
