"""Parents and roots, in the process and across threads, tasks and processes; samplers and foreign spans."""

import json

import pytest

PREFIX = """
import asyncio, concurrent.futures, json, os, subprocess, sys, threading
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.resources import Resource
import otel_lineage
from otel_lineage import LineageEmitter, attach, child_env, current_run, lineage_run, wrap
"""
FOREIGN = """
def foreign(name):
    return tracer.start_as_current_span(name, attributes={'openlineage.job.name': name})
"""


def assert_parent(child, parent, root):
    for prefix, run in (("parent", parent), ("root", root)):
        assert child[f"{prefix}.run.id"] == run["run.id"]
        assert child[f"{prefix}.job.name"] == run["job.name"]
        assert child[f"{prefix}.job.namespace"] == run["job.namespace"]


def test_nested_runs_know_parent_and_root(programs, http_collector):
    programs.run(
        PREFIX + "with lineage_run('a'):\n"
        "    with lineage_run('b', namespace='other'):\n"
        "        with lineage_run('c'): pass\n",
        http_collector,
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=prod,service.namespace=sales,service.name=x",
    )
    runs = http_collector.lineage
    a, b, c = runs["a"], runs["b"], runs["c"]
    assert a["job.namespace"] == "floe.prod.sales"
    assert a.get("parent.run.id") is None
    assert_parent(b, a, a)
    assert_parent(c, b, a)
    assert_parent(http_collector.starts["c"], b, a)
    assert c.message.parent_span_id.hex() == b.span_id
    assert http_collector.starts["c"]["parent.span.id"] == b.span_id
    assert http_collector.starts["a"].get("parent.span.id") is None


@pytest.mark.parametrize(
    ("resource", "namespace"),
    [
        ("", "floe.dev.default"),
        ("service.name=orders", "floe.dev.orders"),
        ("deployment.environment=qa,floe.domain=d,service.name=orders", "floe.qa.d"),
    ],
)
def test_job_namespace(programs, http_collector, resource, namespace):
    programs.run(PREFIX + "with lineage_run('a'): pass\n", http_collector, OTEL_RESOURCE_ATTRIBUTES=resource)
    programs.run(PREFIX + "with lineage_run('b'): pass\n", http_collector, OTEL_LINEAGE_JOB_NAMESPACE="mine")
    assert http_collector.lineage["a"]["job.namespace"] == namespace
    assert http_collector.lineage["b"]["job.namespace"] == "mine"


def test_threads_take_the_run_along(programs, http_collector):
    programs.run(
        PREFIX
        + """
def work(name):
    with lineage_run(name): return current_run().name
with lineage_run('outer') as run:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrap(work), ['t0', 't1', 't2'])) == ['t0', 't1', 't2']
    def by_hand():
        with attach(run.context()):
            work('t3')
    thread = threading.Thread(target=by_hand); thread.start(); thread.join()
    thread = threading.Thread(target=work, args=['lonely']); thread.start(); thread.join()
""",
        http_collector,
    )
    runs = http_collector.lineage
    for name in ("t0", "t1", "t2", "t3"):
        assert_parent(runs[name], runs["outer"], runs["outer"])
    assert runs["lonely"].get("parent.run.id") is None


def test_tasks_have_the_run_around_them(programs, http_collector):
    programs.run(
        PREFIX
        + """
async def one(name):
    async with lineage_run(name):
        await asyncio.sleep(0.01)
        async with lineage_run(name + '.inner'): await asyncio.sleep(0.01)
block = lineage_run('shared')
async def shared():
    with block: await asyncio.sleep(0.01)
async def main():
    async with lineage_run('outer'):
        await asyncio.gather(one('a'), one('b'), shared(), shared())
        async with asyncio.timeout(5): pass
asyncio.run(main())
""",
        http_collector,
    )
    runs = http_collector.lineage
    for name in ("a", "b"):
        assert_parent(runs[name], runs["outer"], runs["outer"])
        assert_parent(runs[name + ".inner"], runs[name], runs["outer"])
    assert len({s.span_id for s in http_collector.spans if s["job.name"] == "shared"}) == 2


def test_cancelled_task_is_aborted(programs, http_collector):
    programs.run(
        PREFIX
        + """
async def work():
    async with lineage_run('job'): await asyncio.sleep(60)
async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    try: await task
    except asyncio.CancelledError: print('cancelled')
asyncio.run(main())
""",
        http_collector,
    )
    assert http_collector.lineage["job"]["run.state"] == "ABORT"


def test_child_process_by_environment(programs, http_collector):
    (programs.folder / "child.py").write_text(
        PREFIX + "with lineage_run('child'):\n    with lineage_run('grandchild'): pass\n"
    )
    programs.run(
        PREFIX + "with lineage_run('top'):\n"
        "    with lineage_run('parent') as run:\n"
        "        subprocess.run([sys.executable, 'child.py'], env=child_env(), check=True)\n"
        "        assert run.child_env() == child_env()\n",
        http_collector,
    )
    runs = http_collector.lineage
    assert_parent(runs["child"], runs["parent"], runs["top"])
    assert_parent(runs["grandchild"], runs["child"], runs["top"])
    assert runs["child"].trace_id == runs["top"].trace_id
    assert runs["child"].message.parent_span_id.hex() == runs["parent"].span_id


RUN = "6f1a1f4e-0d5a-4f3e-9d9b-3b9a8f0c2d11"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def context_json(**parent):
    return json.dumps(
        {"parent": {"run": {"runId": RUN}, "job": {"namespace": "ns", "name": "p/q"}, **parent}, "x": 1}
    )


def test_incoming_variables(programs, http_collector):
    job = PREFIX + "with lineage_run('job'): pass\n"
    root = {"run": {"runId": RUN.replace("6", "7")}, "job": {"namespace": "rn", "name": "r"}}
    programs.run(
        job,
        http_collector,
        OPENLINEAGE_CONTEXT=context_json(root=root),
        OPENLINEAGE_PARENT_ID="a/b/" + RUN,
        TRACEPARENT=TRACEPARENT,
    )
    span = http_collector.spans.pop()
    assert (span["parent.job.namespace"], span["parent.job.name"], span["parent.run.id"]) == (
        "ns",
        "p/q",
        RUN,
    )
    assert span["root.job.name"] == "r"
    assert (span.trace_id, span.message.parent_span_id.hex()) == tuple(TRACEPARENT.split("-")[1:3])
    programs.run(job, http_collector, OPENLINEAGE_PARENT_ID="a/b/" + RUN)
    span = http_collector.spans.pop()
    assert (span["parent.job.namespace"], span["parent.job.name"], span["root.job.name"]) == ("a", "b", "b")


@pytest.mark.parametrize(
    "bad",
    [
        {"OPENLINEAGE_CONTEXT": "{"},
        {"OPENLINEAGE_CONTEXT": "[1]"},
        {"OPENLINEAGE_CONTEXT": '{"parent": 3}'},
        {"OPENLINEAGE_CONTEXT": context_json(run={"runId": "no"})},
        {"OPENLINEAGE_PARENT_ID": "a/b/c/d"},
        {"OPENLINEAGE_PARENT_ID": "a/b/not-a-uuid"},
        {"TRACEPARENT": "00-zz-1-01"},
    ],
)
def test_bad_incoming_variables_are_ignored_with_a_warning(programs, http_collector, bad):
    _, err = programs.run(PREFIX + "with lineage_run('job'): pass\n", http_collector, **bad)
    assert http_collector.lineage["job"].get("parent.run.id") is None
    assert err.count("otel-lineage:") == 1


def test_parent_id_is_left_out_where_it_can_not_hold_the_names(programs, http_collector):
    out, _ = programs.run(
        PREFIX + "with lineage_run('a/b') as run:\n"
        "    print(json.dumps(run.child_env({'OPENLINEAGE_PARENT_ID': 'stale', 'KEPT': '1'})))\n",
        http_collector,
    )
    env = json.loads(out)
    assert env.keys() == {"KEPT", "TRACEPARENT", "OPENLINEAGE_CONTEXT"}
    assert json.loads(env["OPENLINEAGE_CONTEXT"])["parent"]["job"]["name"] == "a/b"


def test_explicit_run_id_and_parent(programs, http_collector):
    programs.run(
        PREFIX
        + f"""
outer = LineageEmitter('ns').start('outer', run_id='{{{RUN.upper()}}}')
with lineage_run('inner', parent=outer.ref): pass
LineageEmitter().complete(outer)
with lineage_run('derived', run_id='nonsense') as run:
    assert run.run_id == otel_lineage.run_id_of(run.trace_id, run.span_id)
""",
        http_collector,
    )
    runs = http_collector.lineage
    assert runs["outer"]["run.id"] == RUN
    assert_parent(runs["inner"], runs["outer"], runs["outer"])


PIPELINE = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider(sampler=SAMPLER)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
before = provider.get_tracer('before')
trace.set_tracer_provider(provider)
tracer = trace.get_tracer('app')
"""


@pytest.mark.parametrize(
    "sampler",
    [
        "sampling.ALWAYS_OFF",
        "sampling.TraceIdRatioBased(0)",
        "sampling.ParentBased(sampling.TraceIdRatioBased(0))",
    ],
)
def test_sampling_takes_no_lineage_away(programs, http_collector, sampler):
    """Older SDKs do not know the tracers that they handed out before: those keep their sampler."""
    programs.run(
        PREFIX + PIPELINE.replace("SAMPLER", sampler) + FOREIGN + "otel_lineage.configure()\n"
        "tracer = provider.get_tracer('late')\n"
        "tracer_before = before if hasattr(provider, '_tracers') else tracer\n"
        "with lineage_run('ours'):\n"
        "    with tracer.start_as_current_span('plain'):\n"
        "        with tracer_before.start_as_current_span('f', attributes={'openlineage.job.name': 'f'}):\n"
        "            with tracer.start_as_current_span('plain2'):\n"
        "                with foreign('g'): pass\n",
        http_collector,
    )
    runs = http_collector.lineage
    assert_parent(runs["f"], runs["ours"], runs["ours"])
    assert_parent(runs["g"], runs["f"], runs["ours"])
    assert len(http_collector.spans) == 3  # and nothing for tracing
    assert {span.message.flags & 1 for span in http_collector.spans} == {0}


def test_spans_of_a_sampled_program(programs, http_collector):
    """Tracing gets every span once; lineage gets run spans once, marked; plain spans say whose they are."""
    programs.run(
        PREFIX + PIPELINE.replace("SAMPLER", "None") + FOREIGN + "otel_lineage.configure()\n"
        "with tracer.start_as_current_span('alone'): pass\n"
        "with foreign('f'):\n"
        "    with tracer.start_as_current_span('plain'):\n"
        "        with lineage_run('ours'):\n"
        "            with tracer.start_as_current_span('deep'): pass\n",
        http_collector,
    )
    tracing = {span.name: span for span in http_collector.spans if span.get("export") is None}
    assert sorted(tracing) == ["alone", "deep", "f", "ours", "plain"]
    assert len(http_collector.spans) == 7
    runs = http_collector.lineage
    assert_parent(runs["ours"], runs["f"], runs["f"])
    assert tracing["plain"]["run.id"] == runs["f"]["run.id"] == tracing["f"]["run.id"]
    assert tracing["deep"]["run.id"] == runs["ours"]["run.id"]
    assert tracing["alone"].get("run.id") is None
    assert set(http_collector.starts) == {"f", "ours"}
    assert {span.message.flags & 1 for span in runs.values()} == {1}
    assert tracing["ours"].attributes.keys() | {"openlineage.export"} == runs["ours"].attributes.keys()


def test_span_that_becomes_a_run_later_has_its_own_id(programs, http_collector):
    programs.run(
        PREFIX + PIPELINE.replace("SAMPLER", "None") + "with lineage_run('outer'):\n"
        "    with tracer.start_as_current_span('late') as span:\n"
        "        span.set_attribute('openlineage.job.name', 'late')\n",
        http_collector,
    )
    outer = http_collector.lineage["outer"]
    copies = [span for span in http_collector.spans if span.name == "late"]
    assert len(copies) == 2
    for copy in copies:
        assert copy["run.id"] != outer["run.id"]
        assert_parent(copy, outer, outer)


def test_lineage_copy_is_whole_where_span_limits_cut(programs, http_collector):
    programs.run(
        PREFIX + "with lineage_run('job') as run:\n"
        "    for n in range(50): run.add_output('file', f'/data/{n}')\n",
        http_collector,
        OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="40",
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="3",
    )
    assert len(json.loads(http_collector.lineage["job"]["outputs"])) == 50


@pytest.mark.parametrize("limit", ["ATTRIBUTE_VALUE_LENGTH_LIMIT", "ATTRIBUTE_COUNT_LIMIT"])
def test_a_span_that_limits_cut_says_so_and_its_start_and_copy_are_whole(programs, http_collector, limit):
    setup = PIPELINE.replace("SAMPLER", "None")
    body = "    for n in range(3): tracer.start_span('plain').end()\n"
    programs.run(
        PREFIX
        + setup
        + "with lineage_run('job', inputs=['file|/data/' + 'x' * 60], sql='select 1'):\n"
        + body,
        http_collector,
        **{f"OTEL_SPAN_{limit}": "40" if "LENGTH" in limit else "3"},
    )
    (cut,) = [s for s in http_collector.spans if s.name == "job" and s.get("export") != "lineage"]
    assert cut["export"] == "partial"
    for whole in (http_collector.lineage["job"], http_collector.starts["job"]):
        assert json.loads(whole["inputs"]) == [{"namespace": "file", "name": "/data/" + "x" * 60}]
        assert whole["sql"] == "select 1"
        assert len(whole["run.id"]) == 36


def test_a_span_that_is_whole_says_nothing_of_it(programs, http_collector):
    body = (
        "with lineage_run('job', inputs=['file|/x'], owners=['a', 'b'], job_type='TASK') as run:\n"
        "    run.set_state('SKIP')\n"
        "    run.span.set_attribute('openlineage.job.type', 'MODEL')\n"
    )
    programs.run(PREFIX + PIPELINE.replace("SAMPLER", "None") + body, http_collector)
    assert sorted(str(s.get("export")) for s in http_collector.spans) == ["None", "lineage"]
    assert {s["job.type"] for s in http_collector.spans} == {"MODEL"}


@pytest.mark.parametrize(("flags", "marked"), [("01", None), ("00", "lineage")])
def test_without_an_sdk_the_only_span_is_for_tracing_too(programs, http_collector, flags, marked):
    """Unless the trace is not sampled. That limits cut it does not matter: what is sent is whole."""
    body = "with lineage_run('job', sql='select 1234567890'):\n    pass\n"
    trace = f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
    programs.run(PREFIX + body, http_collector, TRACEPARENT=trace, OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="9")
    (span,) = http_collector.spans
    assert (span.get("export"), span["sql"]) == (marked, "select 1234567890")


@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
def test_opentelemetry_instrument_is_enough(programs, http_collector, sampler):
    import sys
    from pathlib import Path

    launcher = [str(Path(sys.executable).parent / "opentelemetry-instrument")]
    programs.run(
        PREFIX + FOREIGN + "tracer = trace.get_tracer('app')\n"
        "with foreign('foreign'):\n"
        "    with lineage_run('ours'): pass\n",
        http_collector,
        launcher=launcher,
        OTEL_TRACES_SAMPLER=sampler,
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OPENLINEAGE_CONTEXT=context_json(),
        TRACEPARENT=TRACEPARENT,
    )
    runs = http_collector.lineage
    assert runs["foreign"]["parent.run.id"] == runs["ours"]["root.run.id"] == RUN
    assert runs["foreign"].message.parent_span_id.hex() == "b7ad6b7169203331"
    assert runs["ours"]["parent.run.id"] == runs["foreign"]["run.id"]
    assert len(http_collector.spans) == (4 if sampler == "always_on" else 2)


def test_disabled(programs, http_collector):
    out, err = programs.run(
        PREFIX + "with lineage_run('job') as run:\n"
        "    run.add_input('a', 'b'); run.set_row_count(3); run.set_state('SKIP')\n"
        "    assert run.child_env({'A': '1'}) == {'A': '1'}\n"
        "    print(repr(run.run_id), repr(run.trace_id), run.ref)\n",
        http_collector,
        OTEL_LINEAGE_DISABLED="true",
    )
    assert (out, err) == ("'' '' None\n", "")
    assert not http_collector.requests


def test_own_endpoint_gets_own_headers_only(programs, http_collector):
    programs.run(
        PREFIX + "with lineage_run('job'): pass\n",
        None,
        OTEL_LINEAGE_ENDPOINT=http_collector.endpoint + "/",
        OTEL_LINEAGE_HEADERS="x-tenant=me",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=secret",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    assert "job" in http_collector.lineage
    for path, headers, _ in http_collector.requests:
        assert path in {"/v1/traces", "/v1/logs"}
        lowered = {key.lower(): value for key, value in headers.items()}
        assert lowered["x-tenant"] == "me"
        assert "authorization" not in lowered
        assert lowered["content-encoding"] == "gzip"
