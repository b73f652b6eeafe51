"""The gateway's own log: the two documented formats, its levels, its colour.

A written line also goes to the journal, without colour.
"""

import re
import sys
from typing import Literal, Protocol

import msgspec
from msgspec import Struct, field

from apim_emulators.core.clock import Clock, utc
from apim_emulators.core.events import GatewayLogged
from apim_emulators.core.journal import Journal
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import LogSettings

Level = Literal["debug", "info", "warn", "error", "fatal"]

_RANK = {"all": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "fatal": 5}
_TEXT_NAMES: dict[Level, str] = {
    "debug": "Debug", "info": "Info", "warn": "Warn", "error": "Error", "fatal": "Fatal",
}  # fmt: skip
_JSON_NAMES: dict[Level, str] = {
    "debug": "Verbose", "info": "Info", "warn": "Warning", "error": "Error", "fatal": "Fatal",
}  # fmt: skip
_COLORS: dict[Level, str] = {"debug": "90", "info": "32", "warn": "33", "error": "31", "fatal": "35"}
_COLOR = re.compile(r"\x1b\[[0-9;]*m")

FORMATS = Behaviour(
    id="gateway.logs.formats",
    label="observed",
    statement="text lines as [Level] time [EventType], message: ..., JSON lines of level, timestamp, ...",
    source="logs in self-hosted-gateway#164, #171, #328 and PR #371",
    witness="tests/sandbox/gateway/test_logs.py::test_the_two_formats",
)


class LogSink(Protocol):
    """Where lines go; `line` has no line break at its end."""

    def write(self, line: str) -> None: ...


class StandardOutput:
    """The container's standard output, flushed at each line."""

    def write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class MemorySink(Struct):
    """Lines kept in order: what `kubectl logs` would show of a virtual pod."""

    lines: list[str] = field(default_factory=list)

    def write(self, line: str) -> None:
        self.lines.append(line)


class GatewayLog:
    """Renders events as the settings want them."""

    def __init__(
        self, settings: LogSettings, sink: LogSink, clock: Clock, journal: Journal, pod: PodIdentity
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._clock = clock
        self._journal = journal
        self._pod = pod

    def emit(
        self, level: Level, event_type: str, message: str = "", *, exception: str = "", source: str = ""
    ) -> None:
        """Write one event, unless the level or `telemetry.logs.std` says no."""
        settings = self._settings
        if settings.format == "none" or _RANK[level] < _RANK[settings.level]:
            return
        now = self._clock.now()
        if settings.format == "json":
            line = shown = json_line(now, level, event_type, message, exception, source)
        else:
            line = text_line(now, level, event_type, message, exception, source)
            head, tail = line.split("]", 1)
            shown = f"\x1b[{_COLORS[level]}m{head}]\x1b[0m{tail}" if settings.color else line
        self._sink.write(shown)
        self._journal.append(
            GatewayLogged(self._pod.namespace, self._pod.name, level, event_type, message, line, exception)
        )


def uncolored(line: str) -> str:
    """A line of a log as it reads without a terminal."""
    return _COLOR.sub("", line)


def text_line(
    now: float, level: Level, event_type: str, message: str, exception: str = "", source: str = ""
) -> str:
    """`[Info] 2021-02-8T11:01:48.803 [EventType], message: ..., source: ...`: the day has no leading zero."""
    at = utc(now)
    clock = f"{at:%Y-%m}-{at.day}T{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    parts = [f"[{_TEXT_NAMES[level]}] {clock} [{event_type}]"]
    for name, value in (("message", message), ("exception", exception), ("source", source)):
        if value:
            parts.append(f"{name}: {_one_line(value)}")
    return ", ".join(parts)


def json_line(
    now: float, level: Level, event_type: str, message: str, exception: str = "", source: str = ""
) -> str:
    """One JSON object; the timestamp has .NET's seven digits."""
    at = utc(now)
    entry = {
        "level": _JSON_NAMES[level],
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}0Z",
        "eventType": event_type,
    }
    optional = {"message": message, "exception": exception, "source": source}
    return msgspec.json.encode(entry | {name: value for name, value in optional.items() if value}).decode()


def _one_line(value: str) -> str:
    return " ".join(value.splitlines())
