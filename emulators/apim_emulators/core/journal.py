"""The one journal: every hop appends what happened; all else reads it.

In one process the emulators share a `MemoryJournal`. An emulator, gateway or adapter elsewhere uses
a `RemoteJournal`, which posts to the control service; that service gives the order.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import anyio
import httpx
import msgspec
from msgspec import Struct

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import EVENT_TYPES, Event
from apim_emulators.core.vocabulary import Actor

KEPT = 100_000  # records; the oldest go first


class Record(Struct, frozen=True):
    """One event with its place in the journal.

    `at` is the actor's own wall time in epoch seconds, `duration` in seconds. `sequence` counts
    from 1 without gaps.
    """

    sequence: int
    at: float
    actor: Actor
    event: Event
    duration: float = 0.0

    @property
    def kind(self) -> str:
        return self.event.kind


class Journal(Protocol):
    """Where an actor says what it did."""

    def append(self, event: Event, *, duration: float = 0.0) -> None:
        """Record `event`, which took `duration` seconds; never waits and never fails the caller."""
        ...


class Sink(Protocol):
    """Where several actors' events come together."""

    def add(self, actor: Actor, at: float, event: Event, duration: float) -> None: ...


class ActorJournal:
    """A `Journal` that knows whose it is."""

    def __init__(self, sink: Sink, actor: Actor, clock: Clock) -> None:
        self._sink = sink
        self._actor = actor
        self._clock = clock

    def append(self, event: Event, *, duration: float = 0.0) -> None:
        self._sink.add(self._actor, self._clock.now(), event, duration)


class MemoryJournal:
    """The ordering journal."""

    def __init__(self, kept: int = KEPT) -> None:
        self._records: deque[Record] = deque(maxlen=kept)
        self._sequence = 0
        self._listeners: list[Callable[[Record], None]] = []
        self._grown: anyio.Event | None = None

    def add(self, actor: Actor, at: float, event: Event, duration: float) -> None:
        self._sequence += 1
        record = Record(self._sequence, at, actor, event, duration)
        self._records.append(record)
        for listener in self._listeners:
            listener(record)
        grown, self._grown = self._grown, None
        if grown is not None:
            grown.set()

    def on_record(self, listener: Callable[[Record], None]) -> None:
        """Call `listener` with every new record, at once."""
        self._listeners.append(listener)

    @property
    def sequence(self) -> int:
        return self._sequence

    def since(self, sequence: int = 0) -> list[Record]:
        """The kept records after `sequence`, oldest first."""
        newer = min(self._sequence - sequence, len(self._records))
        if newer <= 0:
            return []
        if newer == len(self._records):
            return list(self._records)
        return [self._records[index] for index in range(-newer, 0)]

    async def follow(self, sequence: int = 0) -> AsyncGenerator[Record, None]:
        """The kept records after `sequence`, then new ones as they come, for ever."""
        while True:
            for record in self.since(sequence):
                sequence = record.sequence
                yield record
            if self._sequence == sequence:
                if self._grown is None:
                    self._grown = anyio.Event()
                await self._grown.wait()

    def clear(self) -> None:
        """Forget everything and count from 1 again: the next test's journal."""
        self._records.clear()
        self._sequence = 0


class RemoteJournal:
    """Posts events to the control service's `/journal`, in order, a batch at a time.

    Run `run()` in a task group; what is appended meanwhile waits in memory (at most `KEPT`).
    """

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._grown = anyio.Event()
        self._sent = anyio.Event()

    def add(self, actor: Actor, at: float, event: Event, duration: float) -> None:
        self._waiting.append(encode(Record(0, at, actor, event, duration)))
        self._grown.set()

    async def run(self) -> None:
        while True:
            await self._grown.wait()
            self._grown = anyio.Event()
            if not await self.flush():
                await anyio.sleep(0.5)
                self._grown.set()

    async def drained(self) -> None:
        """Wait until `run` has sent everything: before it is cancelled, or a batch is sent twice."""
        while self._waiting:
            await self._sent.wait()

    async def flush(self) -> bool:
        """Send what waits; False when the control service could not be reached."""
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(len(self._waiting), 500))]
            with suppress(httpx.HTTPError):
                answer = await self._http.post(
                    self._url, content=b"\n".join(batch), headers={"content-type": "application/x-ndjson"}
                )
                if answer.is_success:
                    for _ in batch:
                        self._waiting.popleft()
                    sent, self._sent = self._sent, anyio.Event()
                    sent.set()
                    continue
            return False
        return True


def to_builtins(record: Record) -> dict[str, Any]:
    """A record as plain JSON values: `{sequence, at, actor, kind, duration, event}`."""
    return _fields(record, msgspec.to_builtins(record.event))


def encode(record: Record) -> bytes:
    """A record as one line of JSON."""
    return msgspec.json.encode(_fields(record, record.event))


def _fields(record: Record, event: object) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "at": record.at,
        "actor": record.actor,
        "kind": record.event.kind,
        "duration": record.duration,
        "event": event,
    }


def decode(line: bytes | str) -> Record:
    """The inverse of `encode`. Raises `msgspec.ValidationError` naming the path of what is wrong."""
    data: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    event_type = EVENT_TYPES.get(data.get("kind", ""))
    if event_type is None:
        raise msgspec.ValidationError(f"unknown event kind {data.get('kind')!r}")
    return Record(
        sequence=int(data.get("sequence", 0)),
        at=float(data["at"]),
        actor=data["actor"],
        event=msgspec.convert(data["event"], event_type),
        duration=float(data.get("duration", 0.0)),
    )


def read(lines: Iterable[bytes | str]) -> list[Record]:
    """The records of a journal file, one JSON object a line."""
    return [decode(line) for line in lines if line.strip()]
