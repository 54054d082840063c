"""Statements on names are as durable as the events that made them, and outlive them."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otel_bridge.identity import Name, Refusal
from otel_bridge.journal import (
    Batch,
    ClaimReader,
    EventLog,
    EventReader,
    KnownNames,
    prepare,
    schema,
)
from otel_bridge.journal import claims as claims_module
from otel_bridge.model import Event
from otel_bridge.settings import Identity, Journal
from tests.identity.named import body, dataset, event

LEARNER = Path(__file__).with_name("learner.py")
DAY_NS = 86400 * 10**9


def table(number: int) -> Name:
    return Name("duckdb:///shop.duckdb", f"shop.main.t{number}")


def alias_of(number: int) -> Name:
    return Name("dagster://prod", f"shop/t{number}")


def learned(log: EventLog, *contents: bytes, now_ns: int | None = None) -> None:
    log.commit(Batch(events=[event(c) for c in contents]), None, now_ns or time.time_ns())


@pytest.fixture
def log(tmp_path):
    prepare(tmp_path)
    opened = EventLog.open(tmp_path, Journal())
    yield opened
    opened.close()


def test_a_statement_is_kept_once_with_the_first_event_that_made_it(tmp_path, log):
    content = body([dataset(table(1), alias_of(1))])
    learned(log, body(), content, content, now_ns=5)
    learned(log, content, now_ns=5 + 2 * claims_module.TOUCH_NS)
    ((_, claim),) = ClaimReader(tmp_path).read(0, 10)
    evidence = claim.evidence
    assert (evidence.event_seq, evidence.job_name, evidence.producer) == (
        2,
        "load",
        "https://example.test/producer",
    )
    assert (evidence.first_ns, evidence.last_ns) == (5, 5 + 2 * claims_module.TOUCH_NS)
    assert EventReader(tmp_path).counters()["identity:claims"] == 1


def test_what_is_known_is_brought_up_to_date_and_read_again_after_a_restart(tmp_path, log):
    names = KnownNames(tmp_path, Identity())
    assert names.current().canonical(alias_of(1)) == alias_of(1)
    learned(log, body([dataset(table(1), alias_of(1))]))
    assert names.current().canonical(alias_of(1)) == table(1)
    log.close()
    assert KnownNames(tmp_path, Identity()).current().canonical(alias_of(1)) == table(1)


def test_names_outlive_their_events_and_are_forgotten_when_nobody_says_them_any_more(tmp_path, log):
    learned(
        log, body([dataset(table(1), alias_of(1))]), body([dataset(table(2), alias_of(2))]), now_ns=DAY_NS
    )
    learned(log, body([dataset(table(2), alias_of(2))]), now_ns=40 * DAY_NS)
    names = KnownNames(tmp_path, Identity())
    names.current()
    assert log.prune(3, 60 * DAY_NS)
    assert EventReader(tmp_path).first_seq() == 4
    assert len(names.current().datasets()) == 2
    assert log.forget_names(30 * DAY_NS) == 1
    assert [block.canonical for block in names.current().datasets()] == [table(2)]
    learned(log, body([dataset(table(1), alias_of(1))]), now_ns=61 * DAY_NS)
    assert len(names.current().datasets()) == 2
    assert EventReader(tmp_path).counters()["identity:claims"] == 2


def test_statements_that_never_count_are_counted_and_shown(tmp_path, log):
    day = Name("s3://lake", "shop/t1/day=1")
    learned(log, body([dataset(table(1), day, Name("dagster://prod", ""))]))
    refused = {one.reason: (one.dataset, one.alias, seq) for one, seq in ClaimReader(tmp_path).refused()}
    assert refused[Refusal.PARTITION] == (table(1), day, 1)
    assert set(refused) == {Refusal.PARTITION, Refusal.NO_NAME}
    assert EventReader(tmp_path).counters()["identity:refused:no_name"] == 1
    assert ClaimReader(tmp_path).read(0, 10) == []


def test_a_name_that_everybody_claims_fills_no_table(tmp_path, log):
    everywhere = Name("dagster://prod", "default")
    learned(log, *(body([dataset(table(n), everywhere)]) for n in range(claims_module.PER_NAME + 50)))
    assert len(ClaimReader(tmp_path).read(0, 1000)) == claims_module.PER_NAME
    assert EventReader(tmp_path).counters()["identity:refused:too_many"] == 50
    (conflict,) = KnownNames(tmp_path, Identity()).current().conflicts()
    assert conflict.alias == everywhere


def test_what_was_not_written_is_learned_again(tmp_path, log):
    broken = Event("COMPLETE", "k", "", 1, "j", "n", "", "", body([dataset(table(1), alias_of(1))]))
    log.connection.execute("CREATE TRIGGER no BEFORE INSERT ON claims BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(sqlite3.IntegrityError):
        log.commit(Batch(events=[broken]), None, 1)
    log.connection.execute("DROP TRIGGER no")
    assert EventReader(tmp_path).last_seq() == 0
    log.commit(Batch(events=[broken]), None, 1)
    assert KnownNames(tmp_path, Identity()).current().canonical(alias_of(1)) == table(1)


def test_events_and_what_they_say_survive_being_killed_together(tmp_path):
    prepare(tmp_path)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = 0
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, str(LEARNER), str(tmp_path)], stdout=subprocess.PIPE, text=True, env=env
        )
        assert process.stdout
        for _ in range(10 + 17 * turn):
            told = int(process.stdout.readline())
        process.kill()
        process.wait()
        process.stdout.close()
    EventLog.open(tmp_path, Journal()).close()
    reader = EventReader(tmp_path)
    last = reader.last_seq()
    assert last >= told > 0
    found = {claim.evidence.event_seq: claim for _, claim in ClaimReader(tmp_path).read(0, 10 * last)}
    assert sorted(found) == list(range(1, last + 1))
    for stored in reader.read(0, 50):
        said = json.loads(stored.event.body)["inputs"][0]
        assert found[stored.seq].dataset.name == said["name"]
    assert reader.counters()["identity:claims"] == last


def test_a_journal_of_the_release_before_goes_on_with_its_events(tmp_path):
    path = tmp_path / "events.db"
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, path, schema.migrations("events")[:3])
    columns = (
        "type, key, parent_key, event_time_ns, made_ns, job_namespace, job_name, trace_id, span_id, body"
    )
    values = ("COMPLETE", "k", "", 1, 1, "j", "n", "", "", body([dataset(table(1), alias_of(1))]))
    connection.execute(f"INSERT INTO events ({columns}) VALUES ({', '.join('?' * 10)})", values)
    connection.close()
    prepare(tmp_path)
    assert EventReader(tmp_path).last_seq() == 1
    log = EventLog.open(tmp_path, Journal())
    learned(log, body([dataset(table(2), alias_of(2))]))
    log.close()
    assert [block.canonical for block in KnownNames(tmp_path, Identity()).current().datasets()] == [table(2)]
