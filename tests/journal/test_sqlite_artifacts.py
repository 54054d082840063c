"""Pieces of artifacts on disk: the same answers as in memory, through commits, failures and restarts; bounded."""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.extract.dialects.dbt.facts import Invocation, Node
from otel_bridge.extract.dialects.dbt.pieces import MANIFEST, NOTE, RUN_RESULTS, TOLD, MemoryPieces, Piece
from otel_bridge.journal import (
    ArtifactReader,
    Batch,
    EventLog,
    SqliteArtifacts,
    SqliteRecords,
    schema,
)
from otel_bridge.journal.schema import migrations
from otel_bridge.settings import Journal

LARGE = 1 << 40
puts = st.tuples(
    st.sampled_from(["dbt:a", "dbt:b", "run:x"]),
    st.sampled_from(["", "model.shop.m"]),
    st.sampled_from([MANIFEST, RUN_RESULTS, TOLD, f"{NOTE}1"]),
    st.builds(lambda name: Piece(node=Node(name=name)), st.text(max_size=3)),
)
steps = st.lists(puts | st.sampled_from(["commit", "discard", "reopen"]), max_size=25)


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog.open(tmp_path, Journal())
    yield opened
    opened.close()


def view(pieces: object) -> list[object]:
    found = [
        dict(pieces.of(scope, part)) for scope in ("dbt:a", "dbt:b", "run:x") for part in ("", "model.shop.m")
    ]
    return [*found, pieces.ever]


def committed(log: EventLog, pieces: SqliteArtifacts) -> None:
    log.commit(Batch(), pieces, 0)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_same_answers_as_in_memory(script):
    with tempfile.TemporaryDirectory() as name:
        log = EventLog.open(Path(name), Journal())
        stored = SqliteArtifacts(log)
        durable: list[tuple] = []
        current: list[tuple] = []
        for step in script:
            if isinstance(step, tuple):
                stored.put(*step)
                current.append(step)
            elif step == "commit":
                committed(log, stored)
                durable = list(current)
            else:
                current = list(durable)
                if step == "discard":
                    stored.discard()
                else:
                    log.close()
                    log = EventLog.open(Path(name), Journal())
                    stored = SqliteArtifacts(log)
            expected = MemoryPieces()
            for put in current:
                expected.put(*put)
            assert view(stored) == view(expected)
        log.close()


def test_old_pieces_go_and_that_there_were_some_stays_known(log: EventLog) -> None:
    clock = Clock()
    pieces = SqliteArtifacts(log, clock)
    for clock.now_ns, scope in enumerate(["dbt:a", "dbt:b"], 1):
        pieces.put(scope, "", MANIFEST, Piece(invocation=Invocation(scope)))
        committed(log, pieces)
    assert pieces.prune(2, LARGE) == 1
    assert (dict(pieces.of("dbt:a", "")), len(pieces.of("dbt:b", ""))) == ({}, 1)
    assert pieces.prune(3, LARGE) == 1
    again = SqliteArtifacts(log, clock)
    assert (dict(again.of("dbt:b", "")), again.ever) == ({}, True)


def test_the_oldest_invocations_make_room(log: EventLog) -> None:
    clock = Clock()
    pieces = SqliteArtifacts(log, clock)
    for clock.now_ns, scope in enumerate(["dbt:a", "dbt:b", "dbt:c"], 1):
        for number in range(3):
            pieces.put(scope, f"model.shop.m{number}", MANIFEST, Piece(node=Node(name="x" * 50)))
        committed(log, pieces)
    size = log.connection.execute("SELECT sum(length(body)) FROM artifacts").fetchone()[0]
    assert pieces.prune(0, size - 1) == 3
    assert [len(pieces.of(scope, "model.shop.m0")) for scope in ("dbt:a", "dbt:b", "dbt:c")] == [0, 1, 1]
    assert pieces.prune(0, 0) == 0, "nothing came, so nothing is counted again"
    pieces.put("dbt:d", "", MANIFEST, Piece())
    committed(log, pieces)
    assert pieces.prune(0, 0) == 7


def test_what_is_kept_by_invocation(log: EventLog, tmp_path: Path) -> None:
    clock = Clock()
    pieces = SqliteArtifacts(log, clock)
    told = [
        ("dbt:a", "", MANIFEST, Piece(invocation=Invocation(project="shop"))),
        ("dbt:a", "model.shop.m", MANIFEST, Piece()),
        ("dbt:a", "", RUN_RESULTS, Piece(invocation=Invocation(command="build"))),
        ("dbt:b", "", TOLD, Piece()),
        ("dbt:c", "model.shop.m", f"{NOTE}1", Piece()),
        ("run:x", "", TOLD, Piece()),
        ("dbt:d", "", RUN_RESULTS, Piece()),
    ]
    for clock.now_ns, put in enumerate(told):
        pieces.put(*put)
        committed(log, pieces)
    reader = ArtifactReader(tmp_path)
    latest, first = reader.invocations(10)
    assert (latest.invocation_id, latest.sources) == ("d", {RUN_RESULTS: 0})
    assert (first.invocation_id, first.command, first.project) == ("a", "build", "shop")
    assert (first.sources, first.at_ns) == ({MANIFEST: 1, RUN_RESULTS: 0}, 2)
    assert len(reader.invocations(1)) == 1
    reader.close()


def test_a_directory_of_the_release_before_has_none_and_keeps_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    schema.migrate(connection, path, migrations("events")[:2])
    row = ("t", "s", "run", "", "", 7, 1, b"\x82\xa8trace_id\xa1t\xa7span_id\xa1s")
    connection.execute(
        "INSERT INTO records (trace_id, span_id, run_id, waits_span, waits_run, due_ns, updated_ns, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    connection.close()
    log = EventLog.open(tmp_path, Journal())
    records = SqliteRecords(log)
    found = records.get("t", "s")
    assert found is not None
    assert found.awaits == ""
    assert [r.span_id for r in records.due(7)] == ["s"]
    assert records.awaiting("") == []
    pieces = SqliteArtifacts(log)
    assert not pieces.ever
    pieces.put("dbt:a", "", MANIFEST, Piece())
    committed(log, pieces)
    assert SqliteArtifacts(log).ever
    log.close()
