"""The figures add up while everything runs, and are zero where nothing ran."""

from written import event, row

from otel_bridge.journal import AcceptedLog, Batch, DeliveryLog, EventLog, Failure, Settled, prepare, sums
from otel_bridge.model import Tally
from otel_bridge.settings import Journal


def test_where_nothing_ran_everything_is_zero(tmp_path):
    before = sums(tmp_path / "nowhere")
    assert (before.received, before.accepted, before.waiting, before.events, before.destinations) == (
        0,
        0,
        0,
        {},
        {},
    )
    assert not (tmp_path / "nowhere").exists()
    prepare(tmp_path)
    assert sums(tmp_path) == before


def test_figures_of_all_files_while_they_are_written(tmp_path):
    accepted, events = AcceptedLog.open(tmp_path, Journal()), EventLog.open(tmp_path, Journal())
    deliveries = DeliveryLog.open(tmp_path)
    accepted.append([row(str(i)) for i in range(5)], [Tally(9, 3, {"ids": 1})], 1)
    events.commit(
        Batch(events=[event()] * 3, failures=[Failure(2, "a", "b")], converted=2, cursor=3), None, 1
    )
    deliveries.join("a", 1)
    deliveries.settle([Settled("a", 1), Settled("a", 3)])
    found = sums(tmp_path)
    assert (found.received, found.not_lineage, found.rejected, found.duplicate) == (9, 3, {"ids": 1}, 0)
    assert (found.accepted, found.converted, found.failed, found.waiting) == (5, 2, 1, 2)
    assert found.waiting_age_s > 1e9
    assert (found.accepted_bytes, found.events_bytes, found.events) == (500, 300, {"START": 3})
    one = found.destinations["a"]
    assert (one.events, one.delivered, one.waiting, one.dead, one.cursor) == (3, 2, 1, 0, 1)
    assert one.waiting_age_s > 1e9
    for closing in (accepted, events, deliveries):
        closing.close()
    assert sums(tmp_path).received == 9
