"""What connects a run with its parent through spans that are no runs (docs/adr/0003), in bounded memory.

`WaitingTraces` are the traces in which a run waits for an ancestor: their plain spans are wanted.
`RecentSpans` are the plain spans of the last seconds, for a run that comes after them. They are kept as they
came and looked into only when a run asks.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.model import Malformed
from otel_bridge.receive import frames

MAX_WAITING = 16384
RECENT_BYTES = 16 * 1024**2
BLOCK_BYTES = 512 * 1024
REQUEST_BYTES, SPAN_BYTES = 256, 64
"""What a remembered request or span weighs beside its bytes, so that many empty ones are not free."""

Body = Callable[[], bytes]
"""A remembered request of plain spans; called once, if ever. Raises Malformed if it turns out to be none."""


class WaitingTraces:
    """Trace ids, each until a deadline; the oldest give way when there are too many."""

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._until: dict[bytes, int] = {}

    def __contains__(self, trace_id: bytes) -> bool:
        return trace_id in self._until

    def __len__(self) -> int:
        return len(self._until)

    def wait(self, trace_id: bytes, now_ns: int) -> bool:
        """Wait for this trace from now on; True if it did not already."""
        known = self._until.pop(trace_id, None) is not None
        self._until[trace_id] = now_ns + self._wait_ns
        if len(self._until) > MAX_WAITING:
            del self._until[next(iter(self._until))]
        return not known

    def forget(self, trace_id: bytes) -> None:
        """Wait no longer."""
        self._until.pop(trace_id, None)

    def expire(self, now_ns: int) -> None:
        """Forget those whose time is over; they are in the order of their deadlines."""
        while self._until and self._until[trace_id := next(iter(self._until))] < now_ns:
            del self._until[trace_id]


class _Block:
    """Spans that arrived one after the other; by trace once somebody asked."""

    __slots__ = ("_bodies", "_spans", "_traces", "indexed", "latest_ns", "size")

    def __init__(self) -> None:
        self.size = 0
        self.latest_ns = 0
        self.indexed = False
        self._bodies: list[Body] = []
        self._spans: list[bytes] = []
        self._traces: dict[bytes, list[bytes]] = {}

    def add(self, body: Body | None, spans: Sequence[bytes], size: int, now_ns: int) -> None:
        if body:
            self._bodies.append(body)
        self._spans.extend(spans)
        self.size += size
        self.latest_ns = now_ns

    def take(self, trace_id: bytes) -> list[bytes]:
        if not self.indexed:
            self._index()
        return self._traces.pop(trace_id, [])

    def _index(self) -> None:
        self.indexed = True
        for body in self._bodies:
            self._spans.extend(_spans_in(body))
        for span in self._spans:
            self._traces.setdefault(trace_id_of(span), []).append(span)
        self._bodies, self._spans = [], []


class RecentSpans:
    """Plain spans of the last `keep_ns`, at most RECENT_BYTES of them."""

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._blocks: deque[_Block] = deque()
        self.size = 0

    def add_request(self, body: Body, size: int, now_ns: int) -> None:
        """Remember a request without lineage; nothing of it is looked at now."""
        self._add(body, (), size + REQUEST_BYTES, now_ns)

    def add_spans(self, spans: Sequence[bytes], now_ns: int) -> None:
        """Remember the plain spans of a request that had others as well."""
        if spans:
            self._add(None, spans, sum(map(len, spans)) + SPAN_BYTES * len(spans), now_ns)

    def take(self, trace_id: bytes, now_ns: int) -> list[bytes]:
        """The remembered spans of a trace, oldest first. They are remembered no longer."""
        self._expire(now_ns)
        return [span for block in self._blocks for span in block.take(trace_id)]

    def _add(self, body: Body | None, spans: Sequence[bytes], size: int, now_ns: int) -> None:
        if size > RECENT_BYTES:
            return
        if not self._blocks or self._blocks[-1].indexed or self._blocks[-1].size > BLOCK_BYTES:
            self._expire(now_ns)
            self._blocks.append(_Block())
        self._blocks[-1].add(body, spans, size, now_ns)
        self.size += size
        while self.size > RECENT_BYTES:
            self.size -= self._blocks.popleft().size

    def _expire(self, now_ns: int) -> None:
        while self._blocks and self._blocks[0].latest_ns < now_ns - self._keep_ns:
            self.size -= self._blocks.popleft().size


def _spans_in(body: Body) -> Iterable[bytes]:
    try:
        request = frames.parse(body())
    except Malformed:
        return ()
    return [span for group in frames.groups(request) for span in group.items]


def trace_id_of(span: bytes) -> bytes:
    """The trace id in a serialized span, b"" if there is none. Cheap for the usual encoders, which write it
    first.
    """
    if span[:2] == b"\x0a\x10":
        return span[2:18]
    try:
        parsed: bytes = Span.FromString(span).trace_id
        return parsed
    except DecodeError:
        return b""
