"""The words of a scenario's file: durations, actors, event kinds, faults; each checked where it stands."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from apim_emulators.core.events import EVENT_TYPES
from apim_emulators.core.faults import REGISTRY
from apim_emulators.core.vocabulary import Actor
from apim_sandbox.documents import nearest
from apim_sandbox.durations import DurationError, parse_duration

COMPARISONS = ("contains", "startsWith", "atLeast", "atMost", "not")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")  # hours, minutes, seconds


class Part(BaseModel):
    """A piece of a scenario: no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


def _seconds(value: Any) -> Any:
    """`90`, `90s`, `1h30m`, or as a stop watch shows it: `00:10` is ten seconds, `01:30:00` 90 minutes."""
    if isinstance(value, bool) or not isinstance(value, str):
        return value
    shown = _CLOCK.fullmatch(value.strip())
    if shown is not None:
        hours, minutes, seconds = (float(part or 0) for part in shown.groups())
        if seconds >= 60 or (shown[1] and minutes >= 60):
            raise ValueError(f'"{value}" is no time; minutes and seconds end at 59')
        return hours * 3600 + minutes * 60 + seconds
    try:
        return parse_duration(value)
    except DurationError:
        raise ValueError(f'"{value}" is no time; write 90s, 10m, 1h30m or 00:10 (minutes:seconds)') from None


def to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else to_tuple(value)


def call_range(value: Any) -> Any:
    """A single call may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _known(noun: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        meant = nearest(word, known)
        hint = f'did you mean "{meant}"?' if meant else "there are " + ", ".join(known)
        raise ValueError(f'no {noun} is called "{word}"; {hint}')
    return word


def _actor(word: str) -> str:
    return _known("actor", word, get_args(Actor))


def _event_kind(word: str) -> str:
    return _known("event kind", word, tuple(EVENT_TYPES))


def _fault(word: str) -> str:
    return _known("fault", word, tuple(REGISTRY))


Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str), Field(ge=0)]
CallRange = Annotated[str, BeforeValidator(call_range, json_schema_input_type=int | str)]
ActorName = Annotated[str, AfterValidator(_actor)]
EventKind = Annotated[str, AfterValidator(_event_kind)]
FaultName = Annotated[str, AfterValidator(_fault)]
Text = Annotated[str, Field(min_length=1)]
Strings = tuple[str, ...]
Where = Mapping[str, Any]
"""Fields of an event by dotted path, with the values or comparisons they must meet."""
