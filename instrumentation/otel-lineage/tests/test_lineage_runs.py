"""What a run says of itself: datasets, facets, states, exceptions, decorators, events. Nothing raises."""

import json

import pytest

PREFIX = """
import asyncio, datetime, gc, json, os, sys
from otel_lineage import Dataset, LineageEmitter, current_run, lineage_run
"""


def test_all_that_a_run_can_say(programs, http_collector):
    programs.run(
        PREFIX
        + """
orders = Dataset('postgres://db:5432', 'shop.public.orders', schema=[{'name': 'id', 'type': 'int'}])
with lineage_run('load', namespace='ns', inputs=[orders, 's3://raw|orders.csv', ('file', '/a')],
                 outputs=[{'namespace': 'file', 'name': '/out'}],
                 job_type='TASK', integration='MINE', processing_type='BATCH',
                 nominal_start=datetime.datetime(2026, 1, 2),
                 nominal_end='2026-01-03T00:00:00Z',
                 documentation='loads', owners=['team:data'], job_tags={'tier': '1'},
                 run_tags=['nightly'], sql='select 1', sql_dialect='duckdb', attributes={'mine': 1}) as run:
    assert current_run() is run
    run.set_row_count(7)
    run.set_schema({'id': 'int', 'total': 'decimal'})
    run.columns({'total': [{'namespace': 'file', 'name': '/a', 'field': 'x'}]})
    run.add_input(orders, row_count=5)
    run.add_input('s3://raw', 'orders.csv', bytes=12, facets={'a_b': {'x': 1}},
                  input_facets={'c_d': {'y': float('nan')}})
    run.add_facet('my_run', {'n': 1})
    run.add_facet('my_job', {'n': 2}, on='job')
    run.set_sql('select 2')
    run.set_attribute('openlineage.external_query', {'id': 'q1', 'source': 'sf'})
""",
        http_collector,
    )
    span = http_collector.lineage["load"]
    values = {key.removeprefix("openlineage."): value for key, value in span.attributes.items()}
    inputs, outputs = json.loads(values.pop("inputs")), json.loads(values.pop("outputs"))
    assert inputs == [
        {
            "namespace": "postgres://db:5432",
            "name": "shop.public.orders",
            "schema": [{"name": "id", "type": "int"}],
            "row_count": 5,
        },
        {
            "namespace": "s3://raw",
            "name": "orders.csv",
            "bytes": 12,
            "facets": {"a_b": {"x": 1}},
            "inputFacets": {"c_d": {"y": None}},
        },
        {"namespace": "file", "name": "/a"},
    ]
    assert outputs == [
        {
            "namespace": "file",
            "name": "/out",
            "schema": [{"name": "id", "type": "int"}, {"name": "total", "type": "decimal"}],
            "columns": {"total": [{"namespace": "file", "name": "/a", "field": "x"}]},
            "row_count": 7,
        }
    ]
    assert len(values.pop("run.id")) == 36
    assert values == {
        "job.name": "load",
        "job.namespace": "ns",
        "job.type": "TASK",
        "job.integration": "MINE",
        "job.processing_type": "BATCH",
        "nominal_start": "2026-01-02T00:00:00",
        "nominal_end": "2026-01-03T00:00:00Z",
        "job.documentation": "loads",
        "job.owners": '["team:data"]',
        "job.tags": '{"tier":"1"}',
        "run.tags": '["nightly"]',
        "sql": "select 2",
        "sql.dialect": "duckdb",
        "run.facets": '{"my_run":{"n":1}}',
        "job.facets": '{"my_job":{"n":2}}',
        "external_query": '{"id":"q1","source":"sf"}',
        "mine": 1,
    }
    start = http_collector.starts["load"]
    assert [d["name"] for d in json.loads(start["inputs"])] == ["shop.public.orders", "orders.csv", "/a"]
    assert start.message.time_unix_nano == span.message.start_time_unix_nano


def test_exception_keeps_its_type_and_is_recorded(programs, http_collector):
    programs.run(
        PREFIX
        + """
class Odd(Exception):
    def __str__(self): return 'bad \\ud800 text'
error = Odd()
try:
    with lineage_run('job'): raise error
except Odd as caught:
    assert caught is error and caught.__cause__ is None and caught.__context__ is None
""",
        http_collector,
    )
    message = http_collector.lineage["job"].message
    assert (message.status.code, message.status.message) == (2, "Odd: bad ? text")
    (event,) = message.events
    assert event.name == "exception"


@pytest.mark.parametrize(
    ("statement", "state", "status"),
    [
        ("run.set_state('SKIP')", "SKIP", 0),
        ("run.set_state('FAIL')", "FAIL", 2),
        ("run.set_state('ABORT', 'stopped')", "ABORT", 2),
        ("run.set_state('COMPLETE')", "COMPLETE", 0),
        ("run.set_state('WRONG')", None, 0),
    ],
)
def test_states(programs, http_collector, statement, state, status):
    programs.run(PREFIX + f"with lineage_run('job') as run: {statement}\n", http_collector)
    span = http_collector.lineage["job"]
    assert (span.get("run.state"), span.message.status.code) == (state, status)


def test_decorators(programs, http_collector):
    programs.run(
        PREFIX
        + """
@lineage_run('plain')
def plain(x):
    "its doc"
    return x + len(current_run().name)
assert plain(1) == 6 and plain(2) == 7 and plain.__doc__ == 'its doc'

@lineage_run('coroutine')
async def coroutine(x):
    await asyncio.sleep(0)
    return x, current_run().name
assert asyncio.run(coroutine(1)) == (1, 'coroutine')

@lineage_run('generator')
def generator():
    got = yield current_run().name
    with lineage_run('in generator'):
        yield got
    return 'end'
def drive():
    steps = generator()
    assert next(steps) == 'generator' and current_run() is None
    assert steps.send('sent') == 'sent' and current_run() is None
    return (yield from steps)
assert list(drive()) == []

@lineage_run('closed generator')
def endless():
    while True: yield 1
for _ in endless(): break
gc.collect()

@lineage_run('async generator')
async def numbers():
    try:
        got = yield current_run().name
        while True: got = yield got
    except ValueError:
        yield 'thrown'
async def drive_async():
    steps = numbers()
    assert await steps.asend(None) == 'async generator' and current_run() is None
    assert await steps.asend(5) == 5
    assert await steps.athrow(ValueError()) == 'thrown'
    async for _ in steps: pass
asyncio.run(drive_async())

@lineage_run('failing')
def failing():
    yield 1
    raise KeyError('x')
try: list(failing())
except KeyError: pass

@lineage_run('recursive')
def recursive(n): return n and recursive(n - 1)
recursive(3)
""",
        http_collector,
    )
    names = [span["job.name"] for span in http_collector.spans]
    assert names.count("plain") == 2
    assert names.count("recursive") == 4
    runs = http_collector.lineage
    assert runs["in generator"]["parent.run.id"] == runs["generator"]["run.id"]
    failed = {name for name, span in runs.items() if span.message.status.code == 2}
    assert failed == {"failing"}
    assert runs.keys() == {
        "plain",
        "coroutine",
        "generator",
        "in generator",
        "closed generator",
        "async generator",
        "failing",
        "recursive",
    }


def test_emitter(programs, http_collector):
    programs.run(
        PREFIX
        + """
emitter = LineageEmitter(namespace='ns', integration='MINE')
a = emitter.start('a', inputs=['file|/x'], start_ns=1_000_000_000)
b = emitter.start('b', parent=a, job_type='TASK')
emitter.fail(b, 'no space')
c = emitter.start('c', parent=a.ref); emitter.fail(c, ValueError('v'))
d = emitter.start('d', parent=a); emitter.abort(d, 'stopped')
e = emitter.start('e', parent=a); emitter.skip(e)
emitter.complete(a, end_ns=3_000_000_000)
emitter.complete(a)
emitter.dataset_event('postgres://db', 's.t', schema={'a': 'int'})
emitter.job_event('static', inputs=['file|/x'], outputs=['file|/y'], documentation='d',
                  facets={'f_g': {'h': 1}})
""",
        http_collector,
    )
    runs = http_collector.lineage
    assert {runs[name]["parent.run.id"] for name in "bcde"} == {runs["a"]["run.id"]}
    assert [runs[name].get("run.state") for name in "abcde"] == [None, "FAIL", "FAIL", "ABORT", "SKIP"]
    assert (runs["a"].message.start_time_unix_nano, runs["a"].message.end_time_unix_nano) == (
        10**9,
        3 * 10**9,
    )
    assert runs["b"].message.status.message == "no space"
    assert runs["c"].message.status.message == "ValueError: v"
    events = {
        record.name: record
        for record in http_collector.logs
        if record.name in ("openlineage.dataset", "openlineage.job")
    }
    assert json.loads(events["openlineage.dataset"]["dataset"]) == {
        "namespace": "postgres://db",
        "name": "s.t",
        "schema": [{"name": "a", "type": "int"}],
    }
    job = events["openlineage.job"]
    assert (job["job.name"], job["job.namespace"], job["job.integration"]) == ("static", "ns", "MINE")
    assert json.loads(job["job.facets"]) == {"f_g": {"h": 1}}


def test_misuse_never_raises(programs, http_collector):
    _, err = programs.run(
        PREFIX
        + """
class Bad:
    def __str__(self): raise RuntimeError('no text')
    __repr__ = __str__
with lineage_run('job', inputs=['no', None, 5, Bad()], owners=[Bad()], nominal_end=Bad(), parent='p'): pass
with lineage_run('ok', inputs=['no namespace', None, Bad(), 'file|/x']) as run:
    run.add_input(None); run.add_output(3, 4, what=1); run.add_output('file', '/y', unknown=1)
    run.set_row_count(1, dataset=('a',)); run.set_schema(5); run.columns(None, 3)
    run.add_facet('x', {1: Bad()}); run.set_attribute('y', Bad()); run.set_sql(None); run.set_state(3)
    run.set_attribute('\\ud800', '\\ud800')
run.add_input('file', '/late')
LineageEmitter().complete(run)
LineageEmitter().dataset_event(None)
LineageEmitter().job_event('j', nonsense=1)
LineageEmitter().start('k', nonsense=1).end()
with lineage_run('\\ud800 name'): pass
print('through')
""",
        http_collector,
    )
    span = http_collector.lineage["ok"]
    assert [dataset["name"] for dataset in json.loads(span["inputs"])] == ["/x"]
    assert "/y" in span["outputs"]
    assert "? name" in http_collector.lineage
    assert "Traceback" in err


def test_broken_parts_never_raise(programs, http_collector):
    """Each part of ours in turn raises; the program does not notice, and the log has one warning for it."""
    parts = [
        ("exporter", "Exporter.put"),
        ("exporter", "Exporter.flush"),
        ("exporter", "Exporter._wait"),
        ("exporter", "Lane.append"),
        ("runtime", "Encoder.span"),
        ("runtime", "Encoder.event"),
        ("runtime", "Runtime.tracer"),
        ("runtime", "runtime"),
        ("processor", "_begin"),
        ("registry", "OpenRuns.around"),
        ("transport", "HttpSender.send"),
        ("settings", "Settings.read"),
        ("carriers", "Incoming.read"),
    ]
    for module, part in parts:
        program = (
            PREFIX
            + f"""
import logging, otel_lineage.runtime, otel_lineage.processor, time
logging.disable(logging.NOTSET)
def broken(*args, **kwargs):
    time.sleep(0.05)
    raise RuntimeError('broken on purpose')
owner = otel_lineage.{module}
*path, last = {part!r}.split('.')
for name in path: owner = getattr(owner, name)
setattr(owner, last, broken)
try:
    with lineage_run('outer') as run:
        run.add_output('file', '/x')
        with lineage_run('inner'): raise KeyError('mine')
except KeyError as error:
    assert error.args == ('mine',)
print('through')
"""
        )
        out, err = programs.run(program, http_collector, OTEL_LINEAGE_FLUSH_TIMEOUT="0.2")
        assert out == "through\n", (part, out, err)
