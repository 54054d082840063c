"""Every way a process can end, with a Collector that answers, refuses, hangs or is not there."""

import os
import random
import signal
import time

import grpc
import pytest
from lineage_collector import HttpCollector, free_port

PREFIX = """
import os, signal, sys, time, multiprocessing
from otel_lineage import lineage_run, LineageEmitter
"""
HANG_GUARD_S = 5


def expect_run(collector, name="job", status=0):
    collector.wait(lambda c: name in c.lineage and name in c.starts)
    span, start = collector.lineage[name], collector.starts[name]
    assert span.message.status.code == status
    assert (start.trace_id, start.span_id) == (span.trace_id, span.span_id)
    assert start["run.id"] == span["run.id"]
    return span


@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("pass", 0, 0),
        ("sys.exit(0)", 0, 0),
        ("sys.exit(3)", 3, 2),
        ("raise KeyError('no')", 1, 2),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(30)", -signal.SIGINT, 2),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -signal.SIGTERM, 2),
    ],
)
def test_ends_inside_the_run(programs, collector, ending, code, status):
    programs.run(PREFIX + f"with lineage_run('job'):\n    {ending}\n", collector, code_expected=code)
    span = expect_run(collector, status=status)
    if "SIG" in ending:
        assert span["run.state"] == "ABORT"
    assert programs.spooled() == []


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.execv(sys.executable, [sys.executable, '-c', 'pass'])", 0),
    ],
)
def test_dies_after_the_run(programs, collector, ending, code):
    programs.run(PREFIX + f"with lineage_run('job'): pass\n{ending}\n", collector, code_expected=code)
    expect_run(collector)


def test_killed_with_finished_runs_inside_an_open_one(programs, http_collector):
    http_collector.temper = 503
    programs.run(
        PREFIX + "with lineage_run('outer'):\n"
        "    for i in range(20):\n"
        "        with lineage_run(f'inner{i}'): pass\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
        http_collector,
        code_expected=-signal.SIGKILL,
    )
    http_collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", http_collector)
    assert {f"inner{i}" for i in range(20)} <= http_collector.lineage.keys()
    assert "outer" in http_collector.starts
    assert "outer" not in http_collector.lineage
    assert programs.spooled() == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_child(programs, collector, method):
    program = PREFIX + (
        "from otel_lineage import wrap\n"
        "def work():\n"
        "    with lineage_run('child'): pass\n"
        "if __name__ == '__main__':\n"
        "    with lineage_run('parent'):\n"
        f"        p = multiprocessing.get_context('{method}').Process(target=wrap(work))\n"
        "        p.start(); p.join()\n"
        "        assert p.exitcode == 0\n"
    )
    programs.run(program, collector)
    child, parent = expect_run(collector, "child"), expect_run(collector, "parent")
    assert child["parent.run.id"] == child["root.run.id"] == parent["run.id"]
    assert child.message.parent_span_id == parent.message.span_id


def test_forked_child_that_leaves_the_block_does_not_end_its_parents_run(programs, http_collector):
    programs.run(
        PREFIX + "with lineage_run('job') as run:\n"
        "    if os.fork() == 0:\n"
        "        sys.exit(7)\n"
        "    os.wait()\n"
        "    run.add_output('file', '/tmp/x')\n",
        http_collector,
    )
    assert [span["job.name"] for span in http_collector.spans] == ["job"]
    assert "outputs" in str(http_collector.spans[0].attributes)


def test_open_runs_are_aborted_at_exit_and_by_sigterm(programs, http_collector):
    programs.run(PREFIX + "run = LineageEmitter().start('left open')\n", http_collector)
    assert http_collector.lineage["left open"]["run.state"] == "ABORT"
    programs.run(
        PREFIX + "with lineage_run('a'):\n"
        "    with lineage_run('b') as b:\n"
        "        b.add_output('file', '/x')\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)\n",
        http_collector,
        code_expected=-signal.SIGTERM,
    )
    assert http_collector.lineage["a"]["run.state"] == http_collector.lineage["b"]["run.state"] == "ABORT"
    assert "/x" in http_collector.lineage["b"]["outputs"]


def test_sigterm_handler_of_the_program_stays(programs, http_collector):
    out, _ = programs.run(
        PREFIX + "signal.signal(signal.SIGTERM, lambda *_: print('mine'))\n"
        "with lineage_run('job'):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n",
        http_collector,
    )
    assert out == "mine\n"
    expect_run(http_collector)


@pytest.mark.parametrize("ending", ["pass", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)"])
def test_hanging_collector_delays_the_end_by_the_limit_only(programs, collector, ending):
    collector.temper = "hang"
    started = time.monotonic()
    programs.run(
        PREFIX + f"for i in range(50):\n    with lineage_run(f'job{{i}}'): pass\n{ending}\n",
        collector,
        code_expected=0 if ending == "pass" else -signal.SIGTERM,
    )
    assert time.monotonic() - started < HANG_GUARD_S
    collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", collector)
    assert {f"job{i}" for i in range(50)} <= collector.lineage.keys()
    assert {f"job{i}" for i in range(50)} <= collector.starts.keys()


@pytest.mark.parametrize("closes", [False, True])
def test_connections_are_kept_and_made_again(programs, http_collector, closes):
    http_collector.closes = closes
    program = "from otel_lineage import flush\nfor i in range(5):\n    with lineage_run(f'job{i}'): pass\n    assert flush()"
    programs.run(PREFIX + program, http_collector)
    assert {f"job{i}" for i in range(5)} == http_collector.lineage.keys() == http_collector.starts.keys()
    assert len(http_collector.spans) == len(http_collector.logs) == 5
    assert http_collector.connections == (len(http_collector.requests) if closes else 2)


def test_proxy_of_the_environment(programs, http_collector):
    out_of_reach = {"OTEL_LINEAGE_ENDPOINT": "http://user:secret@collector.invalid:4318/base"}
    proxy = {"http_proxy": f"http://me:p%40ss@127.0.0.1:{http_collector.port}", "no_proxy": "elsewhere"}
    programs.run(PREFIX + "with lineage_run('job'): pass", None, **out_of_reach, **proxy)
    expect_run(http_collector)
    path, headers, _ = http_collector.requests[0]
    assert path == "http://collector.invalid:4318/base/v1/logs"
    assert {k.lower(): v for k, v in headers.items()}["proxy-authorization"] == "Basic bWU6cEBzcw=="
    _, err = programs.run(PREFIX + "with lineage_run('job'): pass", None, **out_of_reach, no_proxy="*")
    assert "http://collector.invalid:4318/base/v1/logs" in err
    assert "secret" not in err


def test_a_slow_collector_does_not_hold_up_every_run(programs, http_collector):
    """The first outermost run waits for it, those right after it don't."""

    def slow(path, body):
        time.sleep(0.3)
        return 200

    http_collector.temper = slow
    program = (
        "def job(i):\n"
        "    with lineage_run(f'job{i}'): pass\n"
        "    return time.monotonic()\n"
        "ends = [job(i) for i in range(20)]\n"
        "print(sum(after - before >= 0.3 for before, after in zip(ends, ends[1:])))\n"
    )
    out, _ = programs.run(PREFIX + program, http_collector)
    assert out == "0\n"
    assert len(http_collector.lineage) == 20


def test_absent_collector_then_the_next_process_sends(programs):
    port = free_port()
    absent = {"OTEL_LINEAGE_ENDPOINT": f"http://127.0.0.1:{port}"}
    started = time.monotonic()
    _, err = programs.run(PREFIX + "with lineage_run('job'): pass\n", None, **absent)
    assert time.monotonic() - started < HANG_GUARD_S
    assert err.count("otel-lineage:") == 2  # one warning a signal, with where the data are
    assert str(programs.spool) in err
    assert len(programs.spooled()) == 2
    collector = HttpCollector(port)
    try:
        programs.run(PREFIX + "with lineage_run('next'): pass\n", None, **absent)
        expect_run(collector, "job")
        expect_run(collector, "next")
    finally:
        collector.close()
    assert programs.spooled() == []
    assert list(programs.spool.glob("*")) == []


def test_collector_comes_back_during_the_process(programs):
    port = free_port()
    process = programs.start(
        PREFIX + "with lineage_run('outer'):\n"
        "    with lineage_run('early'): pass\n"
        "    print('early done', flush=True)\n"
        "    time.sleep(60)\n",
        None,
        OTEL_LINEAGE_ENDPOINT=f"http://127.0.0.1:{port}",
    )
    assert process.stdout.readline() == "early done\n"
    while not programs.spooled():
        time.sleep(0.02)
    collector = HttpCollector(port)
    try:
        collector.wait(lambda c: "early" in c.lineage and "early" in c.starts)
    finally:
        process.kill()
        process.communicate()
        collector.close()


def test_runs_that_end_after_our_exit_hook_do_not_cost_those_before(programs, http_collector):
    http_collector.temper = 503
    programs.run(
        PREFIX + "import atexit\n"
        "def late():\n"
        "    for i in range(3):\n"
        "        with lineage_run(f'late{i}'): pass\n"
        "atexit.register(late)\n"
        "with lineage_run('early'): pass\n",
        http_collector,
    )
    http_collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", http_collector)
    assert {"early", "late0", "late1", "late2", "next"} == http_collector.lineage.keys()
    assert http_collector.lineage.keys() == http_collector.starts.keys()
    assert programs.spooled() == []


@pytest.mark.parametrize("status", [404, 429, 500, 503, 401])
def test_what_may_pass_later_is_kept(programs, http_collector, status):
    http_collector.temper = status
    programs.run(PREFIX + "with lineage_run('job'): pass\n", http_collector)
    assert len(programs.spooled()) == 2
    http_collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", http_collector)
    expect_run(http_collector, "job")


def test_only_what_is_refused_for_good_is_dropped(programs, http_collector):
    http_collector.temper = lambda path, body: 400 if b"wrong" in body else 200
    _, err = programs.run(
        PREFIX + "with lineage_run('outer'):\n"
        "    for name in ['good1', 'wrong', 'good2']:\n"
        "        with lineage_run(name): pass\n",
        http_collector,
    )
    assert {"outer", "good1", "good2"} == http_collector.lineage.keys()
    assert "refused for good" in err
    assert programs.spooled() == []


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED])
def test_grpc_failures_are_kept(programs, code, grpc_collector):
    grpc_collector.temper = code
    programs.run(PREFIX + "with lineage_run('job'): pass\n", grpc_collector)
    assert len(programs.spooled()) == 2
    grpc_collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", grpc_collector)
    expect_run(grpc_collector, "job")


def test_one_signal_failing_does_not_hold_up_the_other(programs, http_collector):
    http_collector.temper = lambda path, body: 404 if path.endswith("logs") else 200
    programs.run(PREFIX + "with lineage_run('job'): pass\n", http_collector)
    assert "job" in http_collector.lineage
    assert [path.name.partition("-")[0] for path in programs.spooled()] == ["logs"]


@pytest.mark.parametrize("place", ["/proc/nowhere/spool", "/dev/null/spool", "none"])
def test_spool_that_can_not_be_written(programs, http_collector, place):
    _, err = programs.run(
        PREFIX + "with lineage_run('job'): pass\n", http_collector, OTEL_LINEAGE_SPOOL_DIR=place
    )
    expect_run(http_collector)
    assert ("waits in memory" in err) == (place != "none")


def test_spool_is_bounded_by_size_and_age(programs):
    absent = {"OTEL_LINEAGE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    many = (
        PREFIX
        + "with lineage_run('outer'):\n    for i in range(300):\n        with lineage_run(f'job{i}'): pass\n"
    )
    programs.run(many, None, OTEL_LINEAGE_SPOOL_MAX_BYTES="50000", **absent)
    assert all(path.stat().st_size <= 50100 for path in programs.spooled())
    for path in programs.spooled():
        os.utime(path, (1, 1))
    collector = HttpCollector()
    try:
        _, err = programs.run(PREFIX + "with lineage_run('next'): pass\n", collector)
        assert {"next"} == collector.lineage.keys()
        assert "too old or too many" in err
    finally:
        collector.close()


def test_spool_with_a_torn_end_is_sent_up_to_it(programs, http_collector):
    absent = {"OTEL_LINEAGE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    programs.run(PREFIX + "for n in 'ab':\n    with lineage_run(n): pass\n", None, **absent)
    for path in programs.spooled():
        os.truncate(path, path.stat().st_size - 5)
    _, err = programs.run(PREFIX + "with lineage_run('next'): pass\n", http_collector)
    assert {"a", "next"} == http_collector.lineage.keys()
    assert "damaged" in err
    assert programs.spooled() == []


def test_two_processes_share_one_spool(programs, http_collector):
    absent = {"OTEL_LINEAGE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    for number in range(4):
        programs.run(PREFIX + f"with lineage_run('old{number}'): pass\n", None, **absent)
    running = [
        programs.start(PREFIX + f"with lineage_run('new{n}'): pass\n", http_collector) for n in range(3)
    ]
    for process in running:
        programs.end(process)
    names = [span["job.name"] for span in http_collector.spans]
    assert sorted(names) == sorted([f"old{n}" for n in range(4)] + [f"new{n}" for n in range(3)])


def test_heartbeats_while_a_run_is_open(programs, http_collector):
    programs.run(
        PREFIX + "with lineage_run('job'):\n    with lineage_run('inner'):\n        time.sleep(1)\n",
        http_collector,
        OTEL_LINEAGE_HEARTBEAT_INTERVAL="0.2",
    )
    beats = [record for record in http_collector.logs if record.name == "openlineage.run.heartbeat"]
    span = http_collector.lineage["job"]
    assert {beat["job.name"] for beat in beats} == {"job", "inner"}
    ours = [beat for beat in beats if beat["job.name"] == "job"]
    assert len(ours) >= 2
    assert {(beat.span_id, beat["run.id"], beat["heartbeat.interval"]) for beat in ours} == {
        (span.span_id, span["run.id"], 0.2)
    }
    assert http_collector.starts["job"]["heartbeat.interval"] == 0.2


def test_start_arrives_before_the_run_ends(programs, collector):
    process = programs.start(PREFIX + "with lineage_run('job'):\n    time.sleep(60)\n", collector)
    try:
        collector.wait(lambda c: "job" in c.starts)
        assert not collector.spans
    finally:
        process.kill()
        process.communicate()


def test_no_ended_run_is_lost_by_killing_busy_processes(programs, http_collector):
    """Every run that a program saw end arrives, with a Collector that fails at random, and SIGKILL."""
    rolls = random.Random(1)
    http_collector.temper = lambda path, body: rolls.choice([200, 200, 503])
    program = (
        PREFIX
        + """
import threading
def work(thread):
    number = 0
    while True:
        name = f'{os.getpid()}-{thread}-{number}'
        with lineage_run(name):
            with lineage_run(name + '-inner'): pass
        os.write(1, f'{name} {name}-inner '.encode())
        number += 1
for thread in range(4): threading.Thread(target=work, args=[thread]).start()
time.sleep(1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    running = [programs.start(program, http_collector) for _ in range(2)]
    ended = {name for process in running for name in programs.end(process)[0].split(" ") if name}
    http_collector.temper = "ok"
    programs.run(PREFIX + "with lineage_run('next'): pass\n", http_collector)
    assert len(ended) > 100
    assert ended <= http_collector.lineage.keys()
    assert ended <= http_collector.starts.keys()
    assert programs.spooled() == []
