"""`clock`: look at the sandbox's time, move it forwards, stop it, skew one actor's."""

from datetime import UTC, datetime
from pathlib import Path

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.vocabulary import ACTORS
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import ClockShown
from apim_sandbox.documents import nearest
from apim_sandbox.durations import parse_signed, show_duration

_WHO_FOLLOWS = "Emulators, kubelet and reference gateways follow; programs under `run` keep real time."


def show_clock(state_dir: Path | None, *, as_json: bool) -> int:
    """The sandbox's time against the machine's, and whose clock is skewed."""
    with Sandbox.connect(state_dir) as sandbox:
        clock = sandbox.clock.show()
    if as_json:
        print_json(clock)
    else:
        Terminal().print(clock_lines(clock))
    return 0


def clock_lines(clock: ClockShown) -> list[Line]:
    """Now, how far ahead, and a line for each skewed actor."""
    lines = [line((rfc3339(clock["now"]), "strong"), f"   {_against_this_machine(clock)}")]
    for actor, seconds in clock["skews"].items():
        lines.append(line(f"  {actor:<8} {_signed(seconds)}   {rfc3339(clock['now'] + seconds)}"))
    return [*lines, line("Move it:  ", ("apim-sandbox clock advance 10m", "command"))]


def advance_clock(duration: str, state_dir: Path | None, *, as_json: bool) -> int:
    """Move the sandbox's clock forwards by a duration."""
    seconds = parse_signed(duration)
    if seconds < 0:
        raise _backwards(-seconds)
    with Sandbox.connect(state_dir) as sandbox:
        sandbox.clock.advance(seconds)
        clock = sandbox.clock.show()
    return _moved(clock, seconds, as_json=as_json)


def set_clock(moment: str, state_dir: Path | None, *, as_json: bool) -> int:
    """Move the sandbox's clock forwards to a moment."""
    wanted = parse_moment(moment)
    with Sandbox.connect(state_dir) as sandbox:
        difference = wanted - sandbox.clock.now()
        if difference < 0:
            raise _backwards(-difference)
        sandbox.clock.set(wanted)
        clock = sandbox.clock.show()
    return _moved(clock, difference, as_json=as_json)


def freeze_clock(state_dir: Path | None, *, frozen: bool, as_json: bool) -> int:
    """Let time stand still, or go on from where it stands."""
    with Sandbox.connect(state_dir) as sandbox:
        if frozen:
            sandbox.clock.freeze()
        else:
            sandbox.clock.unfreeze()
        clock = sandbox.clock.show()
    if as_json:
        print_json(clock)
        return 0
    now = rfc3339(clock["now"])
    if frozen:
        said = f"The sandbox's time stands still at {now}: nothing polls, renews or expires."
        undo = line("Let it go on:  ", ("apim-sandbox clock unfreeze", "command"))
    else:
        said = f"The sandbox's time goes on from {now}."
        undo = line("Stop it again:  ", ("apim-sandbox clock freeze", "command"))
    Terminal().print([line(said), undo])
    return 0


def skew_clock(actor: str, duration: str, state_dir: Path | None, *, as_json: bool) -> int:
    """Let one actor's clock run ahead or behind."""
    if actor not in ACTORS:
        meant = nearest(actor, ACTORS) or "entra"
        raise InputError(
            f"no actor is called {actor!r}; there are {', '.join(ACTORS)}",
            f"apim-sandbox clock skew {meant} {duration}",
        )
    seconds = parse_signed(duration)
    with Sandbox.connect(state_dir) as sandbox:
        sandbox.clock.skew(actor, seconds)
        clock = sandbox.clock.show()
    if as_json:
        print_json(clock)
        return 0
    what = f"{_signed(seconds)} against the sandbox's" if seconds else "right again"
    Terminal().print(
        [
            line(f"The clock of {actor} is {what}: {rfc3339(clock['now'] + seconds)}."),
            line("Undo it:  ", (f"apim-sandbox clock skew {actor} 0s", "command")),
        ]
    )
    return 0


def _moved(clock: ClockShown, seconds: float, *, as_json: bool) -> int:
    if as_json:
        print_json(clock)
        return 0
    moved = f"Advanced by {show_duration(seconds)}; the sandbox's time is {rfc3339(clock['now'])}."
    Terminal().print([line(moved), line(_WHO_FOLLOWS)])
    return 0


def parse_moment(text: str) -> float:
    """Epoch seconds of an RFC 3339 moment; without an offset it is UTC. Raises `InputError`."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            f"{text!r} is no moment; write it as 2026-11-24T09:00:00Z", "apim-sandbox clock show"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _against_this_machine(clock: ClockShown) -> str:
    ahead = clock["offset"]
    said = "as on this machine" if abs(ahead) < 1 else (
        f"{show_duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this machine"
    )  # fmt: skip
    return said if clock["frozen"] is None else f"standing still, {said}"


def _signed(seconds: float) -> str:
    return f"{'-' if seconds < 0 else '+'}{show_duration(abs(seconds))}"


def _backwards(seconds: float) -> InputError:
    shown = show_duration(seconds)
    return InputError(
        f"the clock can't go back by {shown}: tokens and events already carry later times",
        f"apim-sandbox clock skew entra -{shown}",
    )
