"""Pre-encoded OTLP requests: plain spans, and lineage spans of two sizes with varied content.

Every lineage run span of a request has one trace id, at known offsets, so that whoever sends a request twice
can give it a new trace: a repeated span would only be recognised as a duplicate.
"""

import gzip
import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

TRACE = bytes.fromhex("5ea1ab1e5ea1ab1e5ea1ab1e5ea1ab1e")
STARTED_NS = 1_790_000_000_000_000_000
WAREHOUSE = "postgres://warehouse.example:5432"
TYPES = ("integer", "bigint", "varchar(255)", "numeric(18,2)", "timestamp", "boolean", "date")
NOUNS = (
    "order",
    "customer",
    "payment",
    "shipment",
    "refund",
    "session",
    "invoice",
    "product",
    "stock",
    "visit",
)


class Body(msgspec.Struct, frozen=True):
    """One request: its bytes, what it carries, and where the trace ids of its lineage spans stand."""

    content: bytes
    spans: int
    lineage: int
    trace_offsets: tuple[int, ...]
    gzip: bool = False

    def fresh(self, number: int) -> bytes:
        """The bytes with a trace id made from `number`."""
        if not self.trace_offsets:
            return self.content
        content, trace = bytearray(self.content), b"\x5e" * 8 + number.to_bytes(8, "big")
        for offset in self.trace_offsets:
            content[offset : offset + 16] = trace
        return bytes(content)

    def zipped(self) -> "Body":
        """The same request as gzip; its trace ids can't be changed any more."""
        content = gzip.compress(self.content, 6, mtime=0)
        return Body(content, self.spans, self.lineage, (), gzip=True)


class Size(msgspec.Struct, frozen=True):
    """How much a lineage span says; `attributes` are further ones that no facet needs."""

    inputs: int
    input_columns: int
    output_columns: int
    attributes: int


SMALL = Size(inputs=2, input_columns=5, output_columns=6, attributes=6)
LARGE = Size(inputs=2, input_columns=15, output_columns=23, attributes=17)


def plain(count: int = 512, variants: int = 4) -> list[Body]:
    """Requests of `count` spans without lineage: 12 attributes and 2 events each."""
    return [
        _body([], [_plain_span(random.Random(v * 1000 + i), i) for i in range(count)])
        for v in range(variants)
    ]


def lineage(size: Size, count: int = 64, variants: int = 25) -> list[Body]:
    """Requests of `count` lineage spans: one root run and its children, other models in every variant."""
    return [_body(_runs(size, count, variant), []) for variant in range(variants)]


def mixed(size: Size, runs: int, plains: int, variants: int = 25) -> list[Body]:
    """Requests with lineage spans in a resource of their own beside plain spans."""
    rng = random.Random(7)
    return [
        _body(_runs(size, runs, variant), [_plain_span(rng, i) for i in range(plains)])
        for variant in range(variants)
    ]


def save(bodies: Iterable[Body], file: Path) -> Path:
    """Write them for another process."""
    file.write_bytes(msgspec.msgpack.encode(list(bodies)))
    return file


def load(file: str | Path) -> list[Body]:
    """Read what `save` wrote."""
    return msgspec.msgpack.decode(Path(file).read_bytes(), type=list[Body])


def _body(runs: list[Span], plains: list[Span]) -> Body:
    named = (("transformations", runs), ("web", plains))
    request = ExportTraceServiceRequest(resource_spans=[_resource_spans(name, s) for name, s in named if s])
    content = request.SerializeToString()
    return Body(content, len(runs) + len(plains), len(runs), tuple(_occurrences(content, TRACE)))


def _occurrences(content: bytes, part: bytes) -> Iterable[int]:
    at = content.find(part)
    while at >= 0:
        yield at
        at = content.find(part, at + len(part))


def _resource_spans(service: str, spans: list[Span]) -> ResourceSpans:
    about = {
        "service.name": service,
        "service.namespace": "sales",
        "deployment.environment.name": "prod",
        "telemetry.sdk.language": "python",
    }
    scope = ScopeSpans(scope=InstrumentationScope(name="benchmark", version="1"), spans=spans)
    return ResourceSpans(resource=Resource(attributes=_attributes(about)), scope_spans=[scope])


def _plain_span(rng: random.Random, number: int) -> Span:
    path = f"/api/v2/{rng.choice(NOUNS)}s/{rng.randrange(10**6)}/items"
    values = {
        "http.request.method": rng.choice(("GET", "POST", "PUT")),
        "http.response.status_code": rng.choice((200, 201, 204, 404)),
        "http.route": "/api/v2/{kind}/{id}/items",
        "url.path": path,
        "url.scheme": "https",
        "server.address": f"shop-{rng.randrange(40)}.eu-central.example.internal",
        "server.port": 8443,
        "client.address": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 shop",
        "network.protocol.version": "1.1",
        "thread.name": f"http-worker-{rng.randrange(16)}",
        "enduser.id": f"user-{rng.randrange(10**8):08d}",
    }
    span = _span(rng.randbytes(16), rng.randbytes(8), rng.randbytes(8), f"GET {path}", number, values)
    for step in ("cache.lookup", "queue.flush"):
        about = {"cache.key": f"{rng.choice(NOUNS)}:{rng.randrange(10**9)}", "cache.hit": rng.random() < 0.5}
        span.events.add(
            time_unix_nano=span.start_time_unix_nano + 500, name=step, attributes=_attributes(about)
        )
    return span


def runs(values: Iterable[Mapping[str, Any]], job: str) -> Body:
    """A request of runs with these attributes under one root."""
    rng = random.Random(job)
    root = rng.randbytes(8)
    children = [_span(TRACE, rng.randbytes(8), root, f"model {i}", i, v) for i, v in enumerate(values)]
    return _body([*children, _root(root, job)], [])


def _runs(size: Size, count: int, variant: int) -> list[Span]:
    """Children first, their root last, as they end."""
    rng = random.Random(f"{size} {variant}")
    root = rng.randbytes(8)
    children = [
        _span(TRACE, rng.randbytes(8), root, f"model {i}", i, _run_values(size, rng, f"{variant}_{i}"))
        for i in range(count - 1)
    ]
    return [*children, _root(root, f"build_{variant}")]


def _root(span: bytes, job: str) -> Span:
    about = {
        "openlineage.job.name": job,
        "openlineage.job.type": "JOB",
        "openlineage.job.integration": "DBT",
    }
    return _span(TRACE, span, b"", "build", 0, about)


def _run_values(size: Size, rng: random.Random, name: str) -> dict[str, Any]:
    inputs = [
        _dataset(rng, f"raw.{rng.choice(NOUNS)}_{name}_{i}", size.input_columns) for i in range(size.inputs)
    ]
    output = _dataset(rng, f"mart.{rng.choice(NOUNS)}_{name}", size.output_columns)
    output["columns"] = {c["name"]: [_source(rng, inputs)] for c in output["schema"]}
    output["row_count"] = rng.randrange(10**7)
    columns = ", ".join(c["name"] for c in output["schema"])
    sources = " natural join ".join(d["name"] for d in inputs)
    values = {
        "openlineage.job.name": f"analytics.model_{name}",
        "openlineage.job.type": "MODEL",
        "openlineage.job.integration": "DBT",
        "openlineage.inputs": json.dumps(inputs, separators=(",", ":")),
        "openlineage.outputs": json.dumps([output], separators=(",", ":")),
        "openlineage.sql": f"insert into {output['name']} select {columns} from {sources}",
        "openlineage.sql.dialect": "postgres",
    }
    return values | {
        f"model.property_{i:02d}": f"value {rng.randrange(10**6)}" for i in range(size.attributes)
    }


def _dataset(rng: random.Random, name: str, columns: int) -> dict[str, Any]:
    schema = [{"name": f"{rng.choice(NOUNS)}_{i}", "type": rng.choice(TYPES)} for i in range(columns)]
    return {"namespace": WAREHOUSE, "name": f"shop.{name}", "schema": schema}


def _source(rng: random.Random, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    source = rng.choice(inputs)
    named = {
        "namespace": source["namespace"],
        "name": source["name"],
        "field": rng.choice(source["schema"])["name"],
    }
    return named | {"transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]}


def _span(
    trace: bytes, span: bytes, parent: bytes, name: str, number: int, values: Mapping[str, Any]
) -> Span:
    return Span(
        trace_id=trace,
        span_id=span,
        parent_span_id=parent,
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=STARTED_NS + number * 1_000_000,
        end_time_unix_nano=STARTED_NS + number * 1_000_000 + 750_000_000,
        attributes=_attributes(values),
    )


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=str(value))
