"""Valid OTLP that says nonsense about lineage: `openlineage.*` values of wrong types, shapes and sizes."""

import json
import random
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from otel_bridge import convention

NAMES = tuple(
    value
    for key, value in vars(convention).items()
    if key.isupper() and isinstance(value, str) and "." in value and not key.startswith("EVENT_")
)
EVENTS = (
    convention.EVENT_RUN_START,
    convention.EVENT_RUN_HEARTBEAT,
    convention.EVENT_DATASET,
    convention.EVENT_JOB,
    "exception",
    "openlineage.unknown",
)
BESIDE = (
    "exception.type", "exception.message", "exception.stacktrace", "code.file.path", "vcs.repository.url.full",
    "vcs.ref.head.revision", "vcs.ref.head.name", "vcs.provider.name", "service.name", "event.name", "",
)  # fmt: skip
TEXTS = (
    "daily", "  spaced  ", "a|b", "|", "||", "s3://bucket|a/b", "postgres://db:5432|shop.public.orders", "\n", "日本語",
    "a" * 2000, "file:///x", "http://[::1", "http://user:pass@host/x?token=abc", "1e999", "٣", "²", "1_000", "+5",
    "00000000-0000-0000-0000-000000000000", "not-a-uuid", "{0F5C2B9E-7A63-4C0C-9E0B-0C4C2E9E6A11}",
    "2026-13-45T99:99:99Z", "2026-01-01", "9999-12-31T23:59:59.999999999+23:59", "0001-01-01T00:00:00-23:59",
    "COMPLETE", "FAIL", "ABORT", "SKIP", "complete ", "RUNNING", "START", "partial", "lineage",
    "SELECT * FROM t WHERE password = 'x", "select '" + "'" * 999, '{"a": 1}', "[1, 2", '["x|y", {"namespace": "n"}]',
    '[{"namespace": "n", "name": "d", "facets": {"schema": [[[]]]}}]', "[" * 80 + "]" * 80, '{"n": ' + "9" * 400 + "}",
    '{"a": 1e400}', '{"a": "\\ud800"}', "\udcff".encode("utf-8", "replace").decode(),
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.0,
    1.5,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e308,
    -0.0,
)
KEYS = (
    *convention.DATASET_KEYS,
    "namespace",
    "name",
    "facets",
    "inputFacets",
    "outputFacets",
    "shcema",
    "",
    "a.b",
    "_producer",
)
FACETS = (
    "schema", "columnLineage", "dataSource", "version", "errorMessage", "parent", "nominalTime", "sql", "jobType", "tags",
    "ownership", "dataQualityMetrics", "dataQualityAssertions", "inputStatistics", "outputStatistics", "symlinks", "otel_trace",
    "processing_engine", "externalQuery", "extractionError", "test", "lifecycleStateChange", "storage", "subset", "my_facet", "",
    "documentation", "sourceCodeLocation", "environmentVariables", "executionParameters", "jobDependencies", "catalog",
)  # fmt: skip
INNER = (
    "fields", "name", "type", "description", "inputFields", "transformations", "namespace", "field", "masking", "_schemaURL",
    "_producer", "_deleted", "run", "job", "runId", "root", "columnMetrics", "nullCount", "quantiles", "assertions", "success",
    "assertion", "owners", "key", "value", "source", "rowCount", "size", "identifiers", "uri", "url", "query", "message",
    "programmingLanguage", "nominalStartTime", "identifier", "dimensions", "column", "metadataUri", "tags", "partitions",
)  # fmt: skip
TIMES = (0, 1, 1_790_000_000_000_000_000, 1_790_000_010_000_000_000, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def hostile(chance: random.Random, depth: int = 0) -> Any:  # noqa: PLR0911 - one a kind
    """Any value: texts, numbers, bytes, lists and maps of dataset and facet keys, seldom deep or large."""
    kind = chance.randrange(10)
    if kind < 3:
        return chance.choice(TEXTS)
    if kind < 5:
        return chance.choice(NUMBERS)
    if kind == 5:
        return chance.choice((None, True, False, b"", b"\xff\x00bytes", "", [], {}))
    if depth > 3:
        return "deep"
    if kind == 6:
        return [hostile(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    if kind == 7:
        return dataset(chance, depth + 1)
    keys = (FACETS, INNER, KEYS)[chance.randrange(3)]
    return {chance.choice(keys): hostile(chance, depth + 1) for _ in range(chance.randint(0, 5))}


def dataset(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """A dataset map with wrong parts; most often it has a namespace and a name."""
    found: dict[str, Any] = {"namespace": "postgres://db", "name": f"t{chance.randrange(50)}"}
    for _ in range(chance.randint(0, 5)):
        found[chance.choice(KEYS)] = hostile(chance, depth + 1)
    for slot in ("facets", "inputFacets", "outputFacets"):
        if chance.random() < 0.3:
            found[slot] = {
                chance.choice(FACETS): hostile(chance, depth + 1) for _ in range(chance.randint(1, 3))
            }
    return found


def attributes(chance: random.Random) -> dict[str, Any]:
    """Attributes of a span or log event that is most often a run."""
    found = {chance.choice(NAMES): hostile(chance) for _ in range(chance.randint(0, 5))}
    if chance.random() < 0.8:
        found[convention.JOB_NAME] = chance.choice(("job", "daily orders", chance.choice(TEXTS)))
    for name in (convention.INPUTS, convention.OUTPUTS):
        if chance.random() < 0.5:
            listed: Any = [dataset(chance) for _ in range(chance.choice((1, 1, 1, 2, 12)))]
            found[name] = json.dumps(listed, default=str) if chance.random() < 0.3 else listed
    if chance.random() < 0.2:
        found[chance.choice(BESIDE)] = hostile(chance)
    if chance.random() < 0.002:
        found |= {f"k{i}": chance.choice(TEXTS[:8]) for i in range(chance.choice((128, 1000, 10_000)))}
    if chance.random() < 0.002:
        found[convention.RUN_FACETS] = {"giant": {"text": "g" * chance.choice((100_000, 700_000))}}
    return found


def request(chance: random.Random) -> tuple[str, str, bytes]:
    """Signal, name of the kind, and protobuf body of a request with one to four items in one trace."""
    trace, ids = chance.randbytes(16), [chance.randbytes(8) for _ in range(chance.randint(1, 4))]
    resource = Resource(
        attributes=pairs({chance.choice(BESIDE): hostile(chance) for _ in range(chance.randint(0, 3))})
    )
    scope = InstrumentationScope(
        name=chance.choice(("lib", "")), attributes=pairs({"a": 1} if chance.random() < 0.1 else {})
    )
    if chance.random() < 0.25:
        records = [_record(chance, trace, own, ids) for own in ids]
        groups = [ResourceLogs(resource=resource, scope_logs=[ScopeLogs(scope=scope, log_records=records)])]
        return "logs", "hostile lineage events", LogsData(resource_logs=groups).SerializeToString()
    spans = [_span(chance, trace, own, ids) for own in ids]
    spoken = [ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=scope, spans=spans)])]
    return "traces", "hostile lineage spans", TracesData(resource_spans=spoken).SerializeToString()


def _span(chance: random.Random, trace: bytes, own: bytes, ids: list[bytes]) -> Span:
    """Parents may be the span itself, form cycles, be missing or be no ids."""
    run = attributes(chance) | _runs(chance, trace)
    exception = Span.Event(name="exception", attributes=pairs({chance.choice(BESIDE): hostile(chance)}))
    return Span(
        trace_id=trace,
        span_id=own,
        parent_span_id=chance.choice((b"", b"", own, *ids, bytes(8), chance.randbytes(8), b"short")),
        name=chance.choice(("work", "", "x" * 900)),
        flags=chance.choice((0, 1, 2**32 - 1)),
        start_time_unix_nano=chance.choice(TIMES),
        end_time_unix_nano=chance.choice(TIMES),
        attributes=pairs(run) * chance.choice((1, 1, 1, 1, 2)),
        events=[exception] * chance.choice((0, 0, 1, 3)),
        links=[Span.Link(trace_id=chance.randbytes(chance.choice((0, 5, 16))), span_id=own)]
        * chance.choice((0, 0, 2)),
        status=Status(code=chance.choice((0, 1, 2, 2)), message=chance.choice(("", "boom", "x" * 3000))),
    )


def _record(chance: random.Random, trace: bytes, own: bytes, ids: list[bytes]) -> LogRecord:
    said = attributes(chance) | _runs(chance, trace)
    if chance.random() < 0.3:
        said[convention.PARENT_SPAN_ID] = chance.choice((own.hex(), ids[0].hex(), "zz", "", 7))
    if chance.random() < 0.3:
        said[convention.DATASET] = dataset(chance)
    return LogRecord(
        event_name=chance.choice(EVENTS),
        trace_id=chance.choice((trace, trace, b"", bytes(16), b"abc")),
        span_id=chance.choice((own, own, b"", bytes(8))),
        time_unix_nano=chance.choice(TIMES),
        attributes=pairs(said),
        body=any_value(hostile(chance)),
    )


def _runs(chance: random.Random, trace: bytes) -> dict[str, Any]:
    """Run ids that are few, so that runs meet: themselves as parents, cycles, the same run twice."""
    few = [f"{trace[:4].hex()}-0000-4000-8000-00000000000{i}" for i in range(3)]
    found: dict[str, Any] = {}
    if chance.random() < 0.3:
        found[convention.RUN_ID] = chance.choice((*few, "no", few[0].upper()))
    if chance.random() < 0.3:
        found[convention.PARENT_RUN_ID] = chance.choice((*few, "no", 7))
        found[convention.PARENT_JOB_NAMESPACE] = chance.choice(("ns", "", None))
        found[convention.PARENT_JOB_NAME] = chance.choice(("above", "", ["x"]))
    return found


def pairs(of: dict[str, Any]) -> list[KeyValue]:
    """Attributes as protobuf."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in of.items()]


def any_value(of: Any) -> AnyValue:  # noqa: PLR0911 - one a kind
    """A value as protobuf; None is a value that is not set."""
    match of:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=of)
        case int():
            return AnyValue(int_value=of) if -(2**63) <= of < 2**63 else AnyValue(string_value=str(of))
        case float():
            return AnyValue(double_value=of)
        case str():
            return AnyValue(string_value=of)
        case bytes():
            return AnyValue(bytes_value=of)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(v) for v in of]))
        case _:
            return AnyValue(kvlist_value=KeyValueList(values=pairs(of)))
