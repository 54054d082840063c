"""The one function behind every door and queue: a request in, an answer out, and nothing acknowledged that is not
durable.

What it raises is always a `Refused`. Anything unexpected becomes Unavailable, because a sender that is told
so repeats the request, and after any other error drops it for good.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

import msgspec
import structlog

from otel_bridge.model import Accepted, Defect, Poison, Refused, Tally, TooLarge, Unavailable
from otel_bridge.receive import artifact_files, lineage
from otel_bridge.receive.artifacts import Artifacts, Taken
from otel_bridge.receive.inflate import inflate
from otel_bridge.receive.jsonrequest import Signal, transcode
from otel_bridge.receive.lineage import Failed
from otel_bridge.receive.selection import Selected, Selection
from otel_bridge.settings import Receive

Encoding = Literal["protobuf", "json"]
Content = Literal["traces", "logs", "metrics", "lineage", "artifact"]
"""What a request carries: OTLP of a signal, OpenLineage events of other producers or an artifact of dbt (JSON only)."""

INFLATE_AT_ONCE = 4 * 1024**2
TRANSCODE_AT_ONCE = 64 * 1024
"""Bytes that are worked on in the event loop; more goes to a thread, so that others need not wait."""
COMMIT_ROWS = 1000
COMMIT_BYTES = 2 * 1024**2
"""A request with more is made durable in portions, so that others need not wait for the whole of it."""

AsPoison = Callable[[str], Poison]
"""What is to be kept of a message, for this reason."""

log = structlog.get_logger()


class Journal(Protocol):
    """Where accepted rows become durable."""

    async def commit(self, rows: Sequence[Accepted], tally: Tally) -> None:
        """Return when rows and tally are on disk. Raises Unavailable when they can't be."""

    async def bury(self, message: Poison, tally: Tally, rows: Sequence[Accepted] = ()) -> None:
        """Return when message, rows and tally are on disk, together. Raises Unavailable when they can't be."""

    def note(self, tally: Tally) -> None:
        """Count a request of which nothing is kept; written later."""


class Answer(msgspec.Struct, frozen=True):
    """A request was taken: all of it, or all but `rejected` items because of `message`. What was rejected is counted.

    Of events also `received` and the rejected ones; `array` tells whether the request was one of several. Of an
    artifact also what was `taken`.
    """

    rejected: int = 0
    message: str = ""
    received: int = 0
    failures: tuple[Failed, ...] = ()
    array: bool = False
    taken: Taken | None = None


class InFlight:
    """Bytes of requests that are held at this moment, in all doors together."""

    def __init__(self, limit: int, retry_after: int) -> None:
        self._limit = limit
        self._retry_after = retry_after
        self.size = 0

    def add(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            Unavailable: that would be too many; nothing was added.
        """
        if self.size + size > self._limit:
            raise Unavailable(
                "too many bytes of requests in flight; repeat the request later", self._retry_after
            )
        self.size += size

    def release(self, size: int) -> None:
        """Hold them no longer."""
        self.size -= size

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """`add`, and `release` at the end."""
        self.add(size)
        try:
            yield
        finally:
            self.release(size)


class Receiver:
    """Answers requests. `failures` counts what went wrong inside, `refused` what was refused, by kind."""

    def __init__(
        self,
        selection: Selection,
        journal: Journal,
        settings: Receive,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.max_request = int(settings.max_request)
        self.retry_after = max(1, round(settings.retry_after))
        self.in_flight = InFlight(max(settings.max_in_flight, 2 * settings.max_request), self.retry_after)
        self.failures = 0
        self.refused: dict[str, int] = {}
        self._selection = selection
        self._journal = journal
        self._clock = clock

    async def answer(
        self,
        signal: Content,
        encoding: Encoding,
        body: bytes,
        content_encoding: str = "",
        poison: AsPoison | None = None,
    ) -> Answer:
        """Take a request whose bytes are accounted for in `in_flight` by the door.

        An invalid event is no reason to raise: it is rejected and named in the answer, also if it is the only one.
        If `poison` is given, a request of which something is rejected is kept too, as what `poison` makes of the reason.

        Raises:
            Refused: and only that (or CancelledError).
        """
        try:
            return await self._answer(signal, encoding, body, content_encoding, poison)
        except Refused as refusal:
            self.count_refusal(refusal)
            raise
        except Exception:
            self.failures += 1
            log.exception("request_failed", signal=signal, encoding=encoding, size=len(body))
            defect = Defect("internal error; the request can be repeated", self.retry_after)
            self.count_refusal(defect)
            raise defect from None

    def count_refusal(self, refusal: Refused) -> None:
        """Count a refusal, also one that a door made before there was a request to take."""
        kind = type(refusal).__name__
        self.refused[kind] = self.refused.get(kind, 0) + 1

    async def _answer(
        self, signal: Content, encoding: Encoding, body: bytes, content_encoding: str, poison: AsPoison | None
    ) -> Answer:
        body, inflated = await self._inflate(body, content_encoding.strip().lower())
        with self.in_flight.held(inflated):
            if signal == "metrics":
                return Answer()
            if signal == "lineage":
                return await self._events(body, poison)
            if signal == "artifact":
                return await self._artifact(body)
            selected = await self._select(signal, encoding, body)
            await self._keep(selected, poison)
            return Answer(sum(selected.tally.rejected.values()), selected.message)

    async def _inflate(self, body: bytes, encoding: str) -> tuple[bytes, int]:
        """The plain body, and how many bytes more than the door accounted for it has."""
        if encoding in {"", "identity"}:
            return inflate(body, encoding, self.max_request), 0
        try:
            plain = inflate(body, encoding, min(INFLATE_AT_ONCE, self.max_request))
        except TooLarge:
            with self.in_flight.held(self.max_request):
                plain = await asyncio.to_thread(inflate, body, encoding, self.max_request)
        return plain, len(plain)

    async def _select(self, signal: Signal, encoding: Encoding, body: bytes) -> Selected:
        if encoding == "json" and len(body) > TRANSCODE_AT_ONCE and self._selection.wants(signal, body):
            body, encoding = await asyncio.to_thread(transcode, signal, body), "protobuf"
        select = self._selection.select_json if encoding == "json" else self._selection.select
        return select(signal, body, self._clock())

    async def _events(self, body: bytes, poison: AsPoison | None) -> Answer:
        if len(body) > TRANSCODE_AT_ONCE:
            found = await asyncio.to_thread(lineage.select, body)
        else:
            found = lineage.select(body)
        await self._keep(found.selected, poison)
        message = found.selected.message
        return Answer(
            len(found.failures), message, found.selected.tally.received, found.failures, found.array
        )

    async def _artifact(self, body: bytes) -> Answer:
        found = await asyncio.to_thread(artifact_files.read, body)
        await self.keep(found)
        return Answer(0 if found.rows else 1, found.message, taken=found.taken)

    async def keep(self, found: Artifacts) -> None:
        """Make an artifact durable, or count that it is refused.

        Raises:
            Unavailable: it is not.
        """
        await self._keep(Selected(found.rows, found.tally, found.message), None)

    async def _keep(self, selected: Selected, poison: AsPoison | None) -> None:
        try:
            if poison is not None and selected.tally.rejected:
                await self._journal.bury(poison(selected.message), selected.tally, selected.rows)
            elif not selected.rows:
                self._journal.note(selected.tally)
            else:
                for rows, tally in _portions(selected.rows, selected.tally):
                    await self._journal.commit(rows, tally)
        except BaseException:
            self._selection.undo(selected, self._clock())
            raise


def _portions(rows: Sequence[Accepted], tally: Tally) -> Iterator[tuple[Sequence[Accepted], Tally]]:
    """Rows in portions, with what is counted when a portion is durable; all that is not a row counts with the last."""
    first = 0
    for end in _ends(rows):
        yield rows[first:end], Tally(end - first)
        first = end
    yield (rows[first:] if first else rows), Tally(tally.received - first, tally.not_lineage, tally.rejected)


def _ends(rows: Sequence[Accepted]) -> Iterator[int]:
    """Where portions end, before the last one."""
    first = size = 0
    for place, row in enumerate(rows):
        if place > first and (place - first == COMMIT_ROWS or size + len(row.payload) > COMMIT_BYTES):
            yield place
            first, size = place, 0
        size += len(row.payload)
