"""Forked children: what they inherit can neither stop them nor their parent, and their runs arrive."""

import pytest

PREFIX = """
import os, signal, sys, threading, time, multiprocessing
from otel_lineage import lineage_run
def shown():
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, [])
"""


def test_pool_of_forked_workers(programs, collector):
    programs.run(
        PREFIX + "def work(number):\n"
        "    with lineage_run(f'child{number}'): return number\n"
        "with lineage_run('first'): pass\n"
        "with lineage_run('parent'):\n"
        "    with multiprocessing.get_context('fork').Pool(3) as pool:\n"
        "        assert pool.map(work, range(6)) == list(range(6))\n",
        collector,
    )
    assert {"first", "parent", *(f"child{n}" for n in range(6))} == collector.lineage.keys()


def test_pools_that_end_at_once(programs, http_collector):
    """The end of a pool sends SIGTERM to workers that have hardly started, and waits for them."""
    programs.run(
        PREFIX + "with lineage_run('first'): pass\n"
        "for i in range(15):\n"
        "    with multiprocessing.get_context('fork').Pool(3): pass\n",
        http_collector,
    )


def test_forked_child_gets_the_default_action_of_sigterm_and_the_parent_keeps_ours(programs, http_collector):
    out, _ = programs.run(
        PREFIX + "with lineage_run('job'):\n"
        "    if os.fork() == 0:\n"
        "        print(*shown(), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print(os.WTERMSIG(os.wait()[1]), *shown(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)\n",
        http_collector,
        code_expected=-15,
    )
    assert out == "True set()\n15 False set()\n"
    assert http_collector.lineage["job"]["run.state"] == "ABORT"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_whose_first_run_is_its_own_keeps_the_default_action_of_sigterm(
    programs, http_collector, method
):
    out, _ = programs.run(
        PREFIX + "def work():\n"
        "    with lineage_run('child'): print(*shown(), flush=True)\n"
        "if __name__ == '__main__':\n"
        f"    p = multiprocessing.get_context('{method}').Process(target=work)\n"
        "    p.start(); p.join()\n",
        http_collector,
    )
    assert out == "True set()\n"
    assert "child" in http_collector.lineage


def test_handler_of_the_program_is_inherited(programs, http_collector):
    out, _ = programs.run(
        PREFIX + "signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))\n"
        "with lineage_run('job'):\n"
        "    if os.fork() == 0:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        os._exit(0)\n"
        "    os.wait()\n",
        http_collector,
    )
    assert out == "mine\n"


def test_forks_while_other_threads_send(programs, collector):
    out, err = programs.run(
        PREFIX + "def traffic(thread):\n"
        "    for n in range(40):\n"
        "        with lineage_run(f'{thread}-{n}'): time.sleep(0.002)\n"
        "def child(i):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        with lineage_run(f'child{i}'): pass\n"
        "        os._exit(0)\n"
        "    time.sleep(0.01)\n"
        "    return pid\n"
        "with lineage_run('first'): pass\n"
        "threads = [threading.Thread(target=traffic, args=[t]) for t in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "for pid in [child(i) for i in range(10)]: print(os.waitpid(pid, 0)[1])\n"
        "for thread in threads: thread.join()\n",
        collector,
    )
    assert out == "0\n" * 10
    assert err == ""
    expected = {
        "first",
        *(f"child{i}" for i in range(10)),
        *(f"{t}-{n}" for t in range(2) for n in range(40)),
    }
    assert expected == collector.lineage.keys()
    assert programs.spooled() == []
