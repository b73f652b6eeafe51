"""The nouns of the offline knowledge."""

from msgspec import Struct


class UsualCause(Struct, frozen=True):
    """One cause behind a code. `reports`: how many public reports we have read that name it."""

    text: str
    reports: int
    sources: tuple[str, ...] = ()


class Code(Struct, frozen=True):
    """What a code or a log line means. `causes` come most reported first.

    `id` is `AADSTS…` or the log's event name; `hop` is where in the walk it arises; `answer` the
    HTTP status and OAuth error that come with it, empty when there is none.
    """

    id: str
    title: str
    hop: int
    meaning: str
    causes: tuple[UsualCause, ...]
    tell_apart: tuple[str, ...] = ()
    answer: str = ""
    benign: bool = False


def code(
    number: int,
    answer: str,
    title: str,
    meaning: str,
    *causes: UsualCause,
    tell: tuple[str, ...] = (),
    hop: int = 5,
) -> Code:
    """A row of an AADSTS table; sorts its causes."""
    ordered = tuple(sorted(causes, key=lambda one: -one.reports))
    return Code(f"AADSTS{number}", title, hop, meaning, ordered, tell, answer)


def because(text: str, reports: int, *sources: str) -> UsualCause:
    return UsualCause(text, reports, sources)
