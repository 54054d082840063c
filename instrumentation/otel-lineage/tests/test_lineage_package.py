"""The package itself: entry points, names shared with the bridge, its imports, its README."""

import doctest
import importlib
import pkgutil
import re
import uuid
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import Link, SpanKind, StatusCode, set_span_in_context

import otel_lineage
from otel_lineage import attributes, datasets, identity, spool, values
from otel_lineage.encoding import Encoder
from otel_lineage.settings import Settings

README = Path(__file__).parent.parent / "README.md"


def test_entry_point_resolves():
    (point,) = [p for p in entry_points(group="opentelemetry_post_instrument") if p.name == "otel_lineage"]
    assert callable(point.load())


def test_run_ids_are_those_of_the_bridge():
    ids = pytest.importorskip("otel_bridge.model.ids")
    for _ in range(20):
        trace_id, span_id = uuid.uuid4().hex, uuid.uuid4().hex[:16]
        assert otel_lineage.run_id_of(trace_id, span_id) == ids.run_id_of(trace_id, span_id)


def test_namespace_template_is_the_bridges_default():
    namespace = pytest.importorskip("otel_bridge.settings").Namespace()
    assert namespace.template == "floe.{environment}.{domain}"
    assert namespace.sources == {
        "environment": identity.ENVIRONMENT_SOURCES,
        "domain": identity.DOMAIN_SOURCES,
    }
    assert namespace.defaults == {"environment": "dev", "domain": "default"}
    assert otel_lineage.job_namespace({"service.name": "unknown_service:python"}) == "floe.dev.default"


def test_dataset_has_every_key_of_the_convention():
    assert set(attributes.DATASET_KEYS) == set(datasets.FIELDS) - {
        "namespace",
        "name",
        "facets",
        "input_facets",
        "output_facets",
    }


HEAVY = ["otel_bridge", "openlineage", "sqlglot", "grpc", "h2", "requests"]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import otel_lineage", [*HEAVY, "google", "opentelemetry.sdk"]),
        ("from otel_lineage import lineage_run\nwith lineage_run('x'): pass", HEAVY),
    ],
)
def test_only_what_is_needed_is_imported(programs, code, absent):
    env = {"OTEL_LINEAGE_ENDPOINT": "http://127.0.0.1:9", "OTEL_LINEAGE_SPOOL_DIR": "none"}
    out, _ = programs.run(
        f"{code}\nimport sys\nprint([m for m in {absent} if m in sys.modules])\n", None, **env
    )
    assert out == "[]\n"


def test_every_public_name_is_there():
    for name in otel_lineage.__all__:
        assert getattr(otel_lineage, name) is not None
    with pytest.raises(AttributeError):
        _ = otel_lineage.nonsense


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(otel_lineage.__path__)])
def test_doctests(module):
    assert doctest.testmod(importlib.import_module(f"otel_lineage.{module}")).failed == 0


def test_every_variable_is_in_the_readme():
    source = (Path(otel_lineage.__path__[0]) / "settings.py").read_text()
    names = set(re.findall(r"OTEL_LINEAGE_[A-Z_]*[A-Z]", source))
    assert len(names) > 8
    assert names <= set(re.findall(r"OTEL_LINEAGE_[A-Z_]*[A-Z]", README.read_text()))


@pytest.mark.parametrize(
    ("number", "code"), list(enumerate(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)))
)
def test_readme_examples_run(programs, http_collector, number, code):
    out, err = programs.run(code, http_collector)
    assert "otel-lineage:" not in err, (out, err)
    assert http_collector.spans or http_collector.logs


def test_settings_from_the_environment():
    read = Settings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/"})
    assert (read.protocol, read.traces.url, read.logs.url) == (
        "http",
        "http://c:4318/base/v1/traces",
        "http://c:4318/base/v1/logs",
    )
    read = Settings.read(
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b%20c"}
    )
    assert (read.traces.url, dict(read.traces.headers)) == ("http://t/x", {"a": "b c"})
    assert (read.logs.url, dict(read.logs.headers)) == ("http://localhost:4318/v1/logs", {})
    read = Settings.read({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert (read.protocol, read.traces.url) == ("grpc", "http://localhost:4317")
    read = Settings.read(
        {"OTEL_LINEAGE_ENDPOINT": "c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x"}
    )
    assert read.traces.url == "http://c:4318/v1/traces"
    assert Settings.read({"OTEL_LINEAGE_HEARTBEAT_INTERVAL": "often"}).heartbeat_s == 30


def test_values_become_text_that_utf8_can_carry():
    assert values.to_text("\ud800x") == "?x"
    assert (
        values.to_json({"a": float("inf"), "b": {3, 1}, "c": (1, None)})
        == '{"a":null,"b":[1,3],"c":[1,null]}'
    )


def test_a_span_is_encoded_as_the_official_encoder_does_it():
    provider = TracerProvider(
        resource=Resource({"service.name": "s", "list": ["a", "b"], "n": 1}, "https://example.org/schema"),
        span_limits=SpanLimits(max_attributes=5, max_events=1, max_links=1),
        shutdown_on_exit=False,
    )
    tracer = provider.get_tracer("scope", "1", "https://example.org/scope", {"of": "scope"})
    outer = tracer.start_span("outer", kind=SpanKind.SERVER)
    links = [Link(outer.get_span_context(), {"n": n}) for n in range(2)]
    span = tracer.start_span("inner", set_span_in_context(outer), SpanKind.CLIENT, {"a": 1, "b": True}, links)
    span.set_attributes({"c": 0.5, "d": "ü", "e": ["x", "y"], "f": (1, 2)})
    span.add_event("first", {"a": 1})
    span.add_event("second", {"a": "b"})
    span.set_status(StatusCode.ERROR, "why")
    span.end()
    official = encode_spans([span])
    official.resource_spans[0].scope_spans[0].spans[0].flags |= span.get_span_context().trace_flags
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)
    ours = Encoder(provider.resource, "1").span(span, {}, alone=True)
    assert ExportTraceServiceRequest.FromString(ours) == official


def test_spool_file_keeps_what_was_not_acknowledged(tmp_path):
    writer = spool.SpoolFile.fresh(tmp_path, "traces", 10_000)
    for number in range(10):
        writer.append(bytes([number]) * 100)
    assert spool.SpoolFile.claim(writer.path) is None
    batch, mark = writer.batch(350)
    assert len(batch) == 3
    writer.settle(mark)
    writer.close()
    reader = spool.SpoolFile.claim(writer.path)
    batch, mark = reader.batch(10**6)
    assert [payload[0] for payload in batch] == [3, 4, 5, 6, 7, 8, 9]
    reader.settle(mark)
    assert reader.path.stat().st_size == spool.HEADER.size
    reader.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_spool_file_after_settling_all_starts_at_its_head(tmp_path):
    writer = spool.SpoolFile.fresh(tmp_path, "logs", 10_000)
    writer.append(b"a" * 100)
    writer.append(b"b" * 100)
    _, mark = writer.batch(1)
    writer.settle(mark)
    _, mark = writer.batch(1)
    writer.settle(mark)
    writer.append(b"c" * 10)
    writer.close()
    assert spool.SpoolFile.claim(writer.path).batch(100)[0] == [b"c" * 10]


def test_spool_file_that_was_released_is_that_of_whoever_claims_it(tmp_path):
    """The thread that sends may still be at it while the exit closes it."""
    writer = spool.SpoolFile.fresh(tmp_path, "logs", 10_000)
    writer.append(b"a")
    _, mark = writer.batch(10)
    writer.close()
    writer.settle(mark)
    assert (writer.pending, writer.batch(10)[0]) == (False, [])
    with pytest.raises(OSError, match="fresh one"):
        writer.append(b"b")
    assert spool.SpoolFile.claim(writer.path).batch(10)[0] == [b"a"]


def test_trim_bears_files_that_vanish(tmp_path):
    """A link to nowhere is what a file is that was listed and is gone when it is looked at."""
    (tmp_path / "logs-0-1-a.otlp").symlink_to(tmp_path / "gone")
    old = spool.SpoolFile.fresh(tmp_path, "logs", 10_000)
    old.append(b"a")
    old.close()
    assert spool.trim(tmp_path, 0, 1000) == spool.RECORD.size + 1
    assert not old.path.exists()
