"""A run whose overdue conversion fails is set to another time, whatever it was waiting for."""

import pytest

from otel_bridge.assemble import Record
from otel_bridge.service.converting import _postponed

SOON, LATER = 10, 1000


@pytest.mark.parametrize(
    "waits",
    [{"until_ns": SOON}, {"awaits_until_ns": SOON}, {"io_until_ns": SOON}, {"lost_at_ns": SOON}],
    ids=lambda waits: next(iter(waits)),
)
def test_it_is_due_later(waits):
    assert _postponed(Record(trace_id="a", span_id="b", **waits), LATER).due_ns == LATER
