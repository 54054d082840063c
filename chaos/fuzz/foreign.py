"""OpenLineage events of other producers: mutated real ones, one at a time or many, and valid ones."""

import json
import random
import re

from chaos.fuzz import bodies, documents, lineage
from chaos.fuzz.http_requests import Sent
from chaos.fuzz.neighbours import NAME, Neighbour
from chaos.fuzz.seeds import GOLDEN, fresh_uuid

ONE, MANY = "/api/v1/lineage", "/api/v1/lineage/batch"
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPES = (
    b"application/json",
    b"application/json; charset=utf-8",
    b"text/plain",
    b"",
    b"application/x-protobuf",
)


def load() -> list[bytes]:
    """Every event of the golden corpus."""
    return [
        line for file in sorted(GOLDEN.glob("*/*/events.ndjson")) for line in file.read_bytes().splitlines()
    ]


class Events:
    """Source of requests with events."""

    def __init__(self) -> None:
        self._seeds = load()

    def body(self, chance: random.Random) -> tuple[str, bytes]:
        """Name of the mutation and one event, or what was one."""
        if chance.random() < 0.1:
            return "hostile event", _hostile(chance)
        return documents.mutated(self._fresh(chance), chance)

    def hostile(self, chance: random.Random) -> Sent:
        """One request."""
        kind, body = self.body(chance)
        path = chance.choice((ONE, ONE, MANY))
        if path == MANY:
            others = [self._fresh(chance) for _ in range(chance.choice((0, 1, 5)))]
            body = b"[" + b",".join([*others, body]) + b"]"
            body = chance.choice((body, b'{"events":' + body + b"}"))
        more: tuple[bytes, ...] = ()
        if chance.random() < 0.1:
            kind, encoding, body = bodies.compressed(body, chance)
            more = (f"Content-Encoding: {encoding}".encode(),)
        media_type = chance.choice(_TYPES) if chance.random() < 0.05 else _TYPES[0]
        return Sent(kind, path, _post(path, body, media_type, *more))

    def _fresh(self, chance: random.Random) -> bytes:
        event = chance.choice(self._seeds)
        if chance.random() < 0.8:
            for uuid in dict.fromkeys(_UUID.findall(event)):
                event = event.replace(uuid, fresh_uuid(chance))
        return event


def valid(chance: random.Random) -> Sent:
    """A run that starts and completes, in one request."""
    run = fresh_uuid(chance).decode()
    events = [
        {
            "eventType": kind,
            "eventTime": f"2026-11-25T08:00:0{second}Z",
            "producer": "https://example.com/producer",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": run},
            "job": {"namespace": "n", "name": f"{NAME} foreign"},
        }
        for second, kind in enumerate(("START", "COMPLETE"))
    ]
    document = json.dumps(events).encode()
    return Sent("valid", MANY, _post(MANY, document, _TYPES[0]), Neighbour(b"", document, run, run))


def _post(path: str, body: bytes, media_type: bytes, *more: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1".encode(), b"Host: x", b"Content-Type: " + media_type, b"Content-Length: %d" % len(body), *more, b"\r\n"
    )  # fmt: skip
    return b"\r\n".join(lines) + body


def _hostile(chance: random.Random) -> bytes:
    """The right keys with any values."""
    facets = {chance.choice(lineage.FACETS): lineage.hostile(chance, 2) for _ in range(3)}
    event = {
        "eventType": chance.choice(("START", "COMPLETE", "OTHER", lineage.hostile(chance, 3))),
        "eventTime": chance.choice(("2026-11-25T08:00:00Z", *lineage.TEXTS)),
        "producer": chance.choice(("https://example.com/p", *lineage.TEXTS)),
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": fresh_uuid(chance).decode(), "facets": facets},
        "job": {"namespace": chance.choice(lineage.TEXTS), "name": "job", "facets": facets},
        "inputs": [lineage.dataset(chance, 3) for _ in range(chance.randint(0, 2))],
    }
    for key in chance.sample(sorted(event), chance.choice((0, 0, 1))):
        event[key] = lineage.hostile(chance, 2)
    return json.dumps(event, default=str, skipkeys=True).encode()
