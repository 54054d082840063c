"""Valid requests between the hostile ones, and the account of them: what was acknowledged must arrive, in order."""

import random
from typing import NamedTuple

import msgspec
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from chaos.plan import run_id
from otel_bridge.testing.sink import Request
from tests.otlp import span, traces

NAME = "neighbour"
_TRACE, _PARENT, _CHILD = b"a valid trace id", b"parent__", b"child___"


class Neighbour(NamedTuple):
    """A request with two runs, one below the other."""

    protobuf: bytes
    document: bytes
    parent: str
    child: str

    def content(self, encoding: str) -> bytes:
        """Its body."""
        return self.protobuf if encoding == "protobuf" else self.document


def _template() -> tuple[bytes, bytes]:
    spans = [span(_TRACE, _CHILD, _PARENT, job=f"{NAME} child"), span(_TRACE, _PARENT, job=f"{NAME} parent")]
    body = traces(*spans)
    document = MessageToDict(TracesData.FromString(body))
    for one in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        own = _CHILD if one["name"].endswith("child") else _PARENT
        above = {"parentSpanId": _PARENT.hex()} if own == _CHILD else {}
        one.update({"traceId": _TRACE.hex(), "spanId": own.hex(), **above})
    return body, msgspec.json.encode(document)


_PROTOBUF, _DOCUMENT = _template()


class _Seen(NamedTuple):
    at: int
    type: str


class Ledger:
    """What was acknowledged, and what the sink has of it. `seen` is called from the sink's thread."""

    def __init__(self) -> None:
        self.events = 0
        self._acknowledged: list[Neighbour] = []
        self._seen: dict[str, list[_Seen]] = {}

    def __len__(self) -> int:
        return len(self._acknowledged)

    def make(self, chance: random.Random) -> Neighbour:
        """A neighbour that was never sent."""
        trace, parent, child = chance.randbytes(16), chance.randbytes(8), chance.randbytes(8)
        new = ((_TRACE, trace), (_PARENT, parent), (_CHILD, child))
        body, document = _PROTOBUF, _DOCUMENT
        for old, fresh in new:
            body = body.replace(old, fresh)
            document = document.replace(old.hex().encode(), fresh.hex().encode())
        return Neighbour(body, document, run_id(trace, parent), run_id(trace, child))

    def acknowledged(self, neighbour: Neighbour) -> None:
        """It was answered with full success."""
        self._acknowledged.append(neighbour)

    def seen(self, request: Request) -> None:
        """An event arrived at the sink."""
        self.events += 1
        if f'"{NAME} '.encode() in request.body:
            event = request.event
            found = self._seen.setdefault(event["run"]["runId"], [])
            found.append(_Seen(self.events, event["eventType"]))

    def complaints(self) -> list[str]:
        """What is missing or out of order, of what was acknowledged."""
        found = []
        for one in self._acknowledged:
            parent, child = self._seen.get(one.parent, []), self._seen.get(one.child, [])
            for run, events in ((one.parent, parent), (one.child, child)):
                if [event.type for event in events] != ["START", "COMPLETE"]:
                    found.append(f"run {run} of a valid request has {[event.type for event in events]}")
            if parent and child and parent[0].at > child[0].at:
                found.append(f"run {one.child} starts before its parent")
        return found

    def forget(self) -> None:
        """Begin anew: what there is was checked."""
        self._acknowledged.clear()
        self._seen.clear()
