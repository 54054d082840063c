"""Many requests, few transactions; bounded; and whatever happens to the disk, an answer."""

import asyncio
import sqlite3

import pytest
from written import limits, row

from otel_bridge.journal import AcceptedLog, AcceptedReader, Bounds, GroupCommit, sums
from otel_bridge.model import Tally, Unavailable
from otel_bridge.settings import Journal


def run(test):
    return asyncio.run(asyncio.wait_for(test, 60))


def test_requests_that_arrive_together_share_transactions(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        await asyncio.gather(*(journal.commit([row(f"{i}")], Tally(3, 2)) for i in range(1000)))
        statistics = journal.statistics
        await journal.close()
        return statistics

    statistics = run(main())
    assert statistics.requests == 1000
    assert statistics.transactions < 200
    assert (statistics.waiting_rows, statistics.waiting_bytes, statistics.refused) == (0, 0, 0)
    found = sums(tmp_path)
    assert (found.received, found.not_lineage, found.accepted) == (3000, 2000, 1000)


def test_an_acknowledged_row_is_there_before_the_answer(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        reader = AcceptedReader(tmp_path)
        for i in range(50):
            await journal.commit([row(f"{i}")], Tally(1))
            assert reader.last_seq() == i + 1
        reader.close()
        await journal.close()

    run(main())


def test_requests_without_rows_are_counted_within_a_second_and_at_the_end(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        journal.note(Tally(3, 2, {"ids": 1}))
        journal.note(Tally(1, 0, {"ids": 1}))
        while not sums(tmp_path).received:
            await asyncio.sleep(0.05)
        journal.note(Tally(10, 10))
        await journal.close()

    run(main())
    found = sums(tmp_path)
    assert (found.received, found.not_lineage, found.rejected) == (14, 12, {"ids": 2})


def test_the_queue_is_bounded_in_rows_and_bytes_and_one_large_request_passes(tmp_path):
    async def main():
        bounds = Bounds(rows=10, bytes=5000)
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()), bounds)
        await journal.commit([row("large", 9000)], Tally(1))
        await journal.commit([row(f"many {i}") for i in range(30)], Tally(30))
        blocker = sqlite3.connect(tmp_path / "accepted.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        tasks = [asyncio.ensure_future(journal.commit([row(f"{i}")], Tally(1))) for i in range(40)]
        done, waiting = await asyncio.wait(tasks, timeout=0.1)
        assert all(isinstance(task.exception(), Unavailable) for task in done)
        assert len(done) >= 29
        blocker.execute("ROLLBACK")
        blocker.close()
        await asyncio.gather(*waiting)
        statistics = journal.statistics
        await journal.close()
        return len(waiting), statistics.refused, len(done)

    passed, refused, done = run(main())
    assert refused == done
    assert sums(tmp_path).accepted == 31 + passed


def test_a_locked_file_is_unavailable_and_passes(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        blocker = sqlite3.connect(tmp_path / "accepted.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"locked.*close the other program"):
            await journal.commit([row("a")], Tally(1))
        assert journal.trouble
        blocker.execute("ROLLBACK")
        blocker.close()
        await journal.commit([row("a")], Tally(1))
        assert not journal.trouble
        await journal.close()

    run(main())
    assert sums(tmp_path).received == 1


def test_a_full_journal_is_unavailable_until_it_was_pruned(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, limits(max_spans=10_000)))
        for i in range(10):
            await journal.commit([row(f"{i}", 1000)], Tally(1))
        with pytest.raises(Unavailable):
            await journal.commit([row("too much", 1000)], Tally(1))
        assert "journal.max_spans" in journal.trouble
        journal.prune(9)
        while journal.trouble:
            await asyncio.sleep(0.01)
        await journal.commit([row("after", 1000)], Tally(1))
        await journal.close()

    run(main())
    assert sums(tmp_path).accepted == 11


def test_pruning_keeps_up_with_a_steady_stream(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, limits(max_spans=100_000)))
        for i in range(100):
            journal.prune(10**9)
            await journal.commit([row(f"{i} {j}", 1000) for j in range(10)], Tally(10))
        await journal.close()

    run(main())
    found = sums(tmp_path)
    assert found.accepted == 1000
    assert found.accepted_bytes <= 100_000


def test_a_cancelled_request_leaves_the_others_alone_and_closing_refuses(tmp_path):
    async def main():
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        tasks = [asyncio.ensure_future(journal.commit([row(f"{i}")], Tally(1))) for i in range(10)]
        await asyncio.sleep(0)
        tasks[4].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await journal.close()
        with pytest.raises(Unavailable, match="stopping"):
            await journal.commit([row("late")], Tally(1))

    run(main())
    assert sums(tmp_path).accepted == 10
