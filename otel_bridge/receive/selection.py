"""What of a request is lineage: bytes in, rows to keep and a count of the rest out. No I/O, the clock is an
argument.

A request without any marker in its bytes is counted, and no object is made for any of its spans. Of others,
the items with a marker are parsed and checked. The rules are those of docs/adr/0003: a run that has to wait
for an ancestor makes the plain spans of its trace wanted, as links.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from otel_bridge import convention
from otel_bridge.model import Accepted, Kind, Malformed, Tally
from otel_bridge.receive import decode, frames, jsonrequest
from otel_bridge.receive.jsonrequest import Signal, transcode
from otel_bridge.receive.topology import RecentSpans, WaitingTraces, trace_id_of
from otel_bridge.settings import Receive

BRIDGE_MARKER = b"openlineage."
EXCEPTION = "exception"
EXCEPTION_MARKERS = (b"\x09exception", b'"exception"')
"""The name of an exception event in protobuf, with its length before it, and in JSON."""
ESCAPE = b"\\u"

_JOB_NAME = convention.JOB_NAME.encode()
_RUN_ID = convention.RUN_ID.encode()
_EXPORT = convention.EXPORT.encode()
_RUN, _CONNECTING = b"S", b"C"
_PARENT_RUN_ID = convention.PARENT_RUN_ID.encode()
_ATTEMPT = "airflow.task_instance.try_number"
_ATTEMPT_MARKER = _ATTEMPT.encode()
_IN_A_SPAN = {convention.EVENT_RUN_START, convention.EVENT_RUN_HEARTBEAT}
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)

FAULTS = {
    "trace_id": "the trace id is not 16 bytes with one that is not zero",
    "span_id": "the span id is not 8 bytes with one that is not zero",
    "parent_span_id": "the parent span id is neither empty nor 8 bytes",
    "malformed": "the bytes can't be parsed, or a text is not UTF-8",
}
"""Reasons for which a single span or log record is rejected, as counted in `Tally.rejected`."""


class Selected(msgspec.Struct, frozen=True):
    """What to keep of a request. `message` says why items were rejected, "" if none was.

    Of remembered spans that turn out to be links the request that brought them counted them as not lineage;
    `tally.not_lineage` takes that back, so it may be negative. received = not_lineage + rejected + rows
    holds.
    """

    rows: tuple[Accepted, ...]
    tally: Tally
    message: str = ""
    recalled: tuple[bytes, ...] = ()
    waiting: tuple[bytes, ...] = ()


class Selection:
    """The rules, and the short memory that they need. Used by one thread."""

    def __init__(self, markers: Sequence[bytes], settings: Receive, parent_wait: float) -> None:
        wait_ns = int(parent_wait * 1e9)
        self._markers = tuple(markers)
        self._others = tuple(m for m in markers if m != BRIDGE_MARKER)
        self._names = tuple(m.decode() for m in markers)
        self._strict = settings.strict
        self._waiting = WaitingTraces(wait_ns)
        self._recent = RecentSpans(wait_ns)

    def expect(self, trace_ids: Iterable[bytes], now_ns: int) -> None:
        """Runs of these traces may wait for plain spans: after a restart nobody remembers which."""
        for trace_id in trace_ids:
            self._waiting.wait(trace_id, now_ns)

    def select(self, signal: Signal, body: bytes, now_ns: int) -> Selected:
        """Select from a protobuf request.

        Raises:
            Malformed: the body is not OTLP, as far as it was looked at (all of it if `strict`).
        """
        self._waiting.expire(now_ns)
        if self._strict:
            _parse_all(signal, body)
        request = frames.parse(body)
        if signal == "logs":
            return (
                self._logs(request, now_ns) if self._concerns_logs(body) else _nothing(frames.count(request))
            )
        marked = self._marked(body)
        if marked or self._waiting:
            return self._traces(request, marked, now_ns)
        self._recent.add_request(lambda: body, len(body), now_ns)
        return _nothing(frames.count(request))

    def select_json(self, signal: Signal, body: bytes, now_ns: int) -> Selected:
        """Select from a JSON request; otherwise as `select`."""
        if self.wants(signal, body):
            return self.select(signal, transcode(signal, body), now_ns)
        total = jsonrequest.count(signal, body)
        if signal == "traces":
            self._recent.add_request(partial(transcode, signal, body), len(body), now_ns)
        return _nothing(total)

    def wants(self, signal: Signal, body: bytes) -> bool:
        """Whether anything in this JSON request may concern us, so that it must be transcoded."""
        if self._strict or ESCAPE in body:
            return True
        return self._concerns_logs(body) if signal == "logs" else bool(self._waiting) or self._marked(body)

    def undo(self, selected: Selected, now_ns: int) -> None:
        """The rows were not committed: the sender will repeat the request, and must find things as before."""
        for trace_id in selected.waiting:
            self._waiting.forget(trace_id)
        self._recent.add_spans(selected.recalled, now_ns)

    def _marked(self, content: bytes) -> bool:
        for marker in self._markers:  # noqa: SIM110 - a generator would cost more than the search
            if marker in content:
                return True
        return False

    def _concerns_logs(self, content: bytes) -> bool:
        return self._marked(content) or any(marker in content for marker in EXCEPTION_MARKERS)

    def _traces(self, request: Any, marked: bool, now_ns: int) -> Selected:
        picked = _Picked()
        for group in frames.groups(request):
            if marked:
                self._take_spans(picked, group)
            else:
                picked.plain.extend(group.items)
        return self._connected(picked, frames.count(request), now_ns)

    def _connected(self, picked: "_Picked", received: int, now_ns: int) -> Selected:
        """With the plain spans that connect the picked runs with their parents, as far as they are here."""
        newly = [trace_id for trace_id in picked.unresolved() if self._waiting.wait(trace_id, now_ns)]
        recalled = [span for trace_id in newly for span in self._recent.take(trace_id, now_ns)]
        links = [row for span in recalled if (row := _link(span))]
        plain = self._take_links(picked.plain, links)
        self._recent.add_spans(plain, now_ns)
        return picked.selected(received, links, tuple(recalled), tuple(newly))

    def _take_spans(self, picked: "_Picked", group: frames.Group) -> None:
        theirs = self._is_foreign(group.scope)
        whole = theirs or self._marked(group.resource) or self._marked(group.scope)
        for item in group.items:
            if whole or self._marked(item):
                self._take_span(picked, group, item, theirs)
            else:
                picked.plain.append(item)

    def _take_span(self, picked: "_Picked", group: frames.Group, item: bytes, theirs: bool) -> None:
        message = _parsed(Span, item) if _usable(group) else None
        if message is None:
            picked.rejected["malformed"] += 1
        elif fault := _span_fault(message):
            picked.rejected[fault] += 1
        else:
            run = theirs or self._is_run(message, item)
            key = (
                message.trace_id + message.span_id + (_RUN if run else _CONNECTING) + _attempt(message, item)
            )
            picked.rows.append(Accepted(Kind.SPAN, key, group.wrap(item)))
            self._note_parent(picked, message, item, run)

    def _is_run(self, message: Any, item: bytes) -> bool:
        """Whether this may be a run. An incomplete copy of its span must not keep the whole one out."""
        named = _JOB_NAME in item or self._is_foreign(item)
        return named and not (_EXPORT in item and _partial(message))

    def _is_foreign(self, content: bytes) -> bool:
        """Whether another dialect than the bridge's own may claim it: of a scope, all of its spans."""
        return any(marker in content for marker in self._others)

    def _note_parent(self, picked: "_Picked", message: Any, item: bytes, run: bool) -> None:
        """A run whose parent is only known by its span id has to be connected by the spans between."""
        if run or _RUN_ID in item:
            picked.ends.add(message.trace_id + message.span_id)
        if run and any(message.parent_span_id) and _PARENT_RUN_ID not in item:
            picked.children.append((message.trace_id, message.parent_span_id))

    def _take_links(self, plain: list[bytes], links: list[Accepted]) -> list[bytes]:
        """Move the spans of waiting traces to the links; returns the others."""
        if not self._waiting:
            return plain
        rest = []
        for span in plain:
            row = _link(span) if trace_id_of(span) in self._waiting else None
            if row:
                links.append(row)
            else:
                rest.append(span)
        return rest

    def _logs(self, request: Any, now_ns: int) -> Selected:
        picked = _Picked()
        for group in frames.groups(request):
            for item in group.items:
                if self._concerns_logs(item):
                    self._take_record(picked, group, item)
        return self._connected(picked, frames.count(request), now_ns)

    def _take_record(self, picked: "_Picked", group: frames.Group, item: bytes) -> None:
        message = _parsed(LogRecord, item) if _usable(group) else None
        if message is None:
            picked.rejected["malformed"] += 1
            return
        name = _event_name(message)
        in_a_span = any(message.trace_id) and any(message.span_id)
        if not (name.startswith(self._names) or (name == EXCEPTION and in_a_span)):
            return
        if fault := _id_fault(message) if in_a_span or name in _IN_A_SPAN else _length_fault(message):
            picked.rejected[fault] += 1
        else:
            payload = group.wrap(item)
            picked.rows.append(Accepted(Kind.LOG, _log_key(message, name, payload), payload))
            if (
                name == convention.EVENT_RUN_START
                and _PARENT_RUN_ID not in item
                and (parent := _parent_of(message))
            ):
                picked.children.append((message.trace_id, parent))


class _Picked:
    """A selection under way."""

    def __init__(self) -> None:
        self.rows: list[Accepted] = []
        self.plain: list[bytes] = []
        self.rejected: Counter[str] = Counter()
        self.children: list[tuple[bytes, bytes]] = []
        self.ends: set[bytes] = set()

    def unresolved(self) -> dict[bytes, None]:
        """Traces with a run whose parent is not among the runs of this request, in order."""
        return {trace_id: None for trace_id, parent in self.children if trace_id + parent not in self.ends}

    def selected(
        self,
        received: int,
        links: Sequence[Accepted] = (),
        recalled: tuple[bytes, ...] = (),
        waiting: tuple[bytes, ...] = (),
    ) -> Selected:
        rows = (*links, *self.rows)
        rejected = dict(self.rejected)
        tally = Tally(received, received - len(rows) - sum(rejected.values()), rejected)
        return Selected(rows, tally, _explain(rejected), recalled, waiting)


def _nothing(received: int) -> Selected:
    return Selected((), Tally(received, received))


def _explain(rejected: dict[str, int]) -> str:
    if not rejected:
        return ""
    faults = "; ".join(f"{number} because {FAULTS[fault]}" for fault, number in rejected.items())
    total = sum(rejected.values())
    return f"{total} rejected: {faults}. Correct what emits them; repeating the request does not help."


def _parse_all(signal: Signal, body: bytes) -> None:
    try:
        (LogsData if signal == "logs" else TracesData).FromString(body)
    except DecodeError:
        raise Malformed("the body is not an OTLP protobuf message; check what the exporter sends") from None


def _partial(message: Any) -> bool:
    return any(
        a.key == convention.EXPORT and a.value.string_value == convention.EXPORT_PARTIAL
        for a in message.attributes
    )


def _parsed(message_class: Any, item: bytes) -> Any:
    try:
        return message_class.FromString(item)
    except DecodeError:
        return None


def _usable(group: frames.Group) -> bool:
    """Whether resource and scope can be decoded; they are cached for the decoding to come."""
    try:
        decode.resource(group.resource)
        decode.scope(group.scope)
    except Malformed:
        return False
    return True


def _id_fault(message: Any) -> str:
    if len(message.trace_id) != 16 or message.trace_id == _NO_TRACE:
        return "trace_id"
    return "span_id" if len(message.span_id) != 8 or message.span_id == _NO_SPAN else ""


def _length_fault(message: Any) -> str:
    if len(message.trace_id) not in {0, 16}:
        return "trace_id"
    return "" if len(message.span_id) in {0, 8} else "span_id"


def _span_fault(message: Any) -> str:
    return _id_fault(message) or ("parent_span_id" if len(message.parent_span_id) not in {0, 8} else "")


def _link(span: bytes) -> Accepted | None:
    """A plain span as a row; None if its ids are wrong: then it connects nothing."""
    message = _parsed(Span, span)
    if message is None or _span_fault(message):
        return None
    payload = frames.link(message.trace_id, message.span_id, message.parent_span_id)
    return Accepted(Kind.LINK, message.trace_id + message.span_id + b"L", payload)


def _attempt(message: Any, item: bytes) -> bytes:
    """What tells the attempts of a task of Airflow apart, which all have one span id; b"" for everything else."""
    if _ATTEMPT_MARKER not in item:
        return b""
    number = next((a.value.int_value for a in message.attributes if a.key == _ATTEMPT), 0)
    return str(number).encode() if number > 1 else b""


def _event_name(message: Any) -> str:
    name: str = message.event_name
    if name:
        return name
    return next((a.value.string_value for a in message.attributes if a.key == decode.EVENT_NAME), "")


def _parent_of(message: Any) -> bytes:
    """The span above the one that a start event is about, as far as it is given; b"" if it is not."""
    text = next((a.value.string_value for a in message.attributes if a.key == convention.PARENT_SPAN_ID), "")
    try:
        parent = bytes.fromhex(text)
    except ValueError:
        return b""
    return parent if len(parent) == 8 and parent != _NO_SPAN else b""


def _log_key(message: Any, name: str, payload: bytes) -> bytes:
    """One START for each span; of everything else, copies only are equal."""
    ids: bytes = message.trace_id.ljust(16, b"\x00") + message.span_id.ljust(8, b"\x00") + b"E"
    return ids if name == convention.EVENT_RUN_START else ids + blake2b(payload, digest_size=16).digest()
