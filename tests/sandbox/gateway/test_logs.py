"""The gateway's own log."""

import json

import pytest
from tests.sandbox.gateway.test_token_source import FixedClock

from apim_emulators.core.clock import VIRTUAL_EPOCH
from apim_emulators.core.events import GatewayLogged
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_sandbox.gateway.logs import GatewayLog, MemorySink, StandardOutput, json_line, text_line
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import LogSettings

AT = VIRTUAL_EPOCH + 3600.803123
POD = PodIdentity("ns", "pod")


def logged(settings: LogSettings) -> tuple[list[str], list[GatewayLogged]]:
    clock, memory, sink = FixedClock(), MemoryJournal(), MemorySink()
    log = GatewayLog(settings, sink, clock, ActorJournal(memory, "gateway", clock), POD)
    log.emit("debug", "NoNewEvents", source="EntityEventLoop")
    log.emit("warn", "ConfigurationApiV2NotAvailable", "m", exception="e1\r\ne2")
    return sink.lines, [record.event for record in memory.since() if isinstance(record.event, GatewayLogged)]


def test_the_two_formats() -> None:
    """Text without a leading zero of the day, JSON with .NET's seven digits."""
    assert text_line(AT, "info", "NoNewEvents", "m", source="EntityEventLoop") == (
        "[Info] 2026-01-1T01:00:00.803 [NoNewEvents], message: m, source: EntityEventLoop"
    )
    assert json.loads(json_line(AT, "warn", "ConfigurationApiV2NotAvailable", "m", "e", "s")) == {
        "level": "Warning",
        "timestamp": "2026-01-01T01:00:00.8031230Z",
        "eventType": "ConfigurationApiV2NotAvailable",
        "message": "m",
        "exception": "e",
        "source": "s",
    }


def test_colour_is_for_the_reader_and_not_for_the_journal() -> None:
    """The level alone is coloured; several lines become one."""
    line = "[Warn] 2026-01-1T00:00:00.000 [ConfigurationApiV2NotAvailable], message: m, exception: e1 e2"
    assert logged(LogSettings()) == (
        [line.replace("[Warn]", "\x1b[33m[Warn]\x1b[0m")],
        [GatewayLogged("ns", "pod", "warn", "ConfigurationApiV2NotAvailable", "m", line, "e1\r\ne2")],
    )
    assert logged(LogSettings(color=False))[0] == [line]


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (LogSettings(level="debug"), 2),
        (LogSettings(level="all"), 2),
        (LogSettings(level="warn"), 1),
        (LogSettings(level="error"), 0),
        (LogSettings(format="none", level="all"), 0),
        (LogSettings(format="json", level="all"), 2),
    ],
)
def test_levels_and_none(settings: LogSettings, lines: int) -> None:
    """What is not written is not journalled either."""
    written, events = logged(settings)
    assert (len(written), len(events)) == (lines, lines)


def test_standard_output_is_flushed_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`kubectl logs -f` must not lag."""
    StandardOutput().write("a line")
    assert capsys.readouterr().out == "a line\n"
