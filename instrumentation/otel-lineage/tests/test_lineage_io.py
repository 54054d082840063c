"""Spans inside runs that say what the run reads and writes, and runs whose ids are derived elsewhere."""

import pytest

PROGRAM = """
import threading
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from otel_lineage import LineageEmitter, SpanIds, lineage_run

if {private} is None:
    trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
emitter = LineageEmitter()

def scan(name):
    with emitter.io_span(name, {{"iceberg.operation": "scan", "columns": ["a"]}}) as span:
        print(span is not None)

scan("outside")
with lineage_run("outer"):
    with lineage_run("inner"):
        scan("inside")
        with trace.get_tracer("driver").start_as_current_span("query", kind=trace.SpanKind.CLIENT) as span:
            span.set_attribute("db.system.name", "sqlite")
        with trace.get_tracer("driver").start_as_current_span("other", kind=trace.SpanKind.CLIENT):
            pass
    thread = threading.Thread(target=scan, args=("thread",))
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("private", ["None", "True"])
def test_what_spans_inside_say_is_sent_before_the_run_and_counted(programs, http_collector, private):
    printed, _ = programs.run(PROGRAM.format(private=private), http_collector)
    assert printed.split() == ["False", "True", "True"]
    told = [span.name for span in http_collector.spans]
    query = [] if private == "True" else ["query"]  # without an SDK nobody else's spans exist
    assert told == ["inside", *query, "inner", "thread", "outer"]
    runs = http_collector.lineage
    assert runs["inner"].attributes["openlineage.io.spans"] == 1 + len(query)
    assert runs["outer"].attributes["openlineage.io.spans"] == 1
    inside = next(span for span in http_collector.spans if span.name == "inside")
    assert inside.attributes["openlineage.run.id"] == runs["inner"].attributes["openlineage.run.id"]
    assert inside.attributes["columns"] == '["a"]'


def test_a_run_with_given_ids(programs, http_collector):
    programs.run(
        """
from opentelemetry.trace import Link, SpanContext
from otel_lineage import LineageEmitter, SpanIds
emitter = LineageEmitter()
above = emitter.start("above", ids=SpanIds(0xA << 64, 0xB))
below = emitter.start("below", parent=above, ids=SpanIds(0xC, 0xD), links=[Link(SpanContext(1, 2, True))])
free = emitter.start("free", parent=above)
for run in (free, below, above):
    run.end()
""",
        http_collector,
    )
    ids = {span.name: (span.trace_id, span.span_id) for span in http_collector.spans}
    trace_id = f"{0xA << 64:032x}"
    assert ids["above"] == (trace_id, f"{0xB:016x}")
    assert ids["below"] == (trace_id, f"{0xD:016x}")
    assert ids["free"][0] == trace_id
    assert ids["free"][1] not in {f"{0xB:016x}", f"{0xD:016x}"}
    (link,) = http_collector.lineage["below"].message.links
    assert link.span_id.hex() == f"{2:016x}"
