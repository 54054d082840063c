"""Versions: a step happens whole or not at all, and nobody touches what a newer release wrote."""

import sqlite3

import pytest
from steps import STEPS

from otel_bridge.journal import (
    AcceptedLog,
    AcceptedReader,
    DeliveryLog,
    DeliveryReader,
    EventLog,
    EventReader,
    ask,
    prepare,
    schema,
    sums,
)
from otel_bridge.model import JournalError, NewerSchema
from otel_bridge.settings import Journal

DATABASES = ["accepted", "events", "delivery"]


def tables(connection):
    return {
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")
    }


def old(path):
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, path, STEPS[:1])
    connection.execute("INSERT INTO rows VALUES ('a'), ('b')")
    return connection


def test_an_older_database_is_brought_up_to_date_with_its_rows(tmp_path):
    connection = old(tmp_path / "any.db")
    schema.migrate(connection, tmp_path / "any.db", STEPS)
    assert tables(connection) == {"named", "by_name", "release"}
    assert connection.execute("SELECT name FROM named ORDER BY id").fetchall() == [("a",), ("b",)]
    connection.close()


def test_a_crash_anywhere_in_a_step_leaves_the_old_or_the_new_version(tmp_path, script):
    versions = []
    for statement in range(40):
        path = tmp_path / f"{statement}.db"
        old(path).close()
        code = script("migrator.py", path, statement).wait()
        connection = sqlite3.connect(path, isolation_level=None)
        versions.append(schema.version(connection))
        expected = {1: {"rows", "release"}, 2: {"named", "by_name", "release"}}[versions[-1]]
        assert tables(connection) == expected
        schema.migrate(connection, path, STEPS)
        assert tables(connection) == {"named", "by_name", "release"}
        assert connection.execute("SELECT count(*) FROM named").fetchone() == (2,)
        connection.close()
        if code == 0:
            break
    assert len(versions) > 6
    assert versions == sorted(versions)
    assert set(versions) == {1, 2}


def test_a_failing_step_changes_nothing(tmp_path):
    connection = old(tmp_path / "any.db")
    broken = (STEPS[0], schema.Migration(2, "CREATE TABLE more (a); INSERT INTO nowhere VALUES (1);"))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        schema.migrate(connection, tmp_path / "any.db", broken)
    assert (schema.version(connection), tables(connection)) == (1, {"rows", "release"})
    connection.close()


@pytest.mark.parametrize("database", DATABASES)
def test_every_shipped_step_applies_and_is_numbered_from_one(database):
    steps = schema.migrations(database)
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))


@pytest.mark.parametrize("database", DATABASES)
def test_a_newer_release_is_named_and_its_data_left_alone(tmp_path, database):
    prepare(tmp_path)
    path = tmp_path / f"{database}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("INSERT INTO release VALUES ('9.8.7', 1 << 62)")
    connection.close()
    writers = {
        "accepted": lambda: AcceptedLog.open(tmp_path, Journal()),
        "events": lambda: EventLog.open(tmp_path, Journal()),
        "delivery": lambda: DeliveryLog.open(tmp_path),
    }
    readers = {"accepted": AcceptedReader, "events": EventReader, "delivery": DeliveryReader}
    reader = readers[database](tmp_path)
    told = r"written by otel-bridge 9\.8\.7 and has schema 99.* install that release or a later one"
    for use in (writers[database], lambda: reader._rows("SELECT 1"), lambda: prepare(tmp_path)):
        with pytest.raises(NewerSchema, match=told):
            use()
    with pytest.raises(NewerSchema):
        sums(tmp_path)


def test_an_older_database_is_read_once_the_service_ran_on_it(tmp_path):
    """As the first release left it: its row stays."""
    path = tmp_path / "accepted.db"
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, path, schema.migrations("accepted")[:1])
    connection.execute(
        "INSERT INTO accepted (key, kind, received_ns, payload) VALUES (x'01', 'span', 1, x'02')"
    )
    connection.close()
    with pytest.raises(JournalError, match=r"has schema 1, .* start `otel-bridge serve` once"):
        AcceptedReader(tmp_path).last_seq()
    prepare(tmp_path)
    assert AcceptedReader(tmp_path).last_seq() == 1


def test_a_foreign_file_is_not_overwritten(tmp_path):
    for name in DATABASES:
        (tmp_path / f"{name}.db").write_bytes(b"something else " * 1000)
    with pytest.raises(JournalError, match="move it away"):
        prepare(tmp_path)
    assert (tmp_path / "accepted.db").read_bytes().startswith(b"something else")


def test_a_file_that_was_removed_alone_is_noticed(tmp_path):
    prepare(tmp_path)
    connection = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    connection.execute("UPDATE cursor SET accepted_seq = 5")
    connection.close()
    with pytest.raises(JournalError, match=r"accepted\.db .* ends at row 0, but events\.db has read up to 5"):
        prepare(tmp_path)


def test_a_wish_needs_a_journal(tmp_path):
    with pytest.raises(JournalError, match="is no journal: start"):
        ask(tmp_path, "delivery", "rewind", "a", {"after": 1})
