"""What is kept of a request, by the rules, without any door."""

import pytest

from otel_bridge.model import Kind, Malformed, Tally
from otel_bridge.receive import Selection, decode
from otel_bridge.receive import topology as bounds
from otel_bridge.settings import Receive
from tests.otlp import logs, record, span, span_id, trace_id, traces

S = 10**9


@pytest.fixture
def selection() -> Selection:
    return Selection((b"openlineage.", b"dbt."), Receive(), 10.0)


def names(selected) -> list[str]:
    return [decode.span(row.payload).name for row in selected.rows]


def links(selected) -> list[tuple[str, str]]:
    found = [decode.span(row.payload) for row in selected.rows if row.kind is Kind.LINK]
    return [(s.span_id, s.parent_span_id) for s in found]


def balanced(selected) -> bool:
    tally = selected.tally
    return tally.received == tally.not_lineage + sum(tally.rejected.values()) + len(selected.rows)


class Chain:
    """grandparent run <- plain <- plain <- child run, all in one trace."""

    def __init__(self) -> None:
        self.trace = trace_id()
        top, upper, lower, child = (span_id() for _ in range(4))
        self.parent = span(self.trace, top, job="parent")
        self.upper = span(self.trace, upper, top)
        self.lower = span(self.trace, lower, upper)
        self.child = span(self.trace, child, lower, job="child")
        self.links = [(upper.hex(), top.hex()), (lower.hex(), upper.hex())]


def test_plain_requests_are_counted(selection: Selection):
    selected = selection.select("traces", traces(span(trace_id(), span_id()), span(trace_id(), span_id())), 0)
    assert (selected.rows, selected.tally) == ((), Tally(2, 2))


def test_only_marked_spans_are_kept(selection: Selection):
    plain = span(trace_id(), span_id())
    dbt = span(trace_id(), span_id(), dbt__node="x")
    selected = selection.select("traces", traces(plain, span(trace_id(), span_id(), job="a"), plain, dbt), 0)
    assert names(selected) == ["a", "work"]
    assert selected.tally == Tally(4, 2)


def test_a_marked_resource_marks_all_its_spans(selection: Selection):
    body = traces(
        span(trace_id(), span_id()), span(trace_id(), span_id()), resource={"openlineage.job.namespace": "ns"}
    )
    assert len(selection.select("traces", body, 0).rows) == 2


def test_the_key_is_the_same_for_every_copy(selection: Selection):
    trace, own = trace_id(), span_id()
    first = selection.select("traces", traces(span(trace, own, job="a")), 0).rows[0]
    again = selection.select("traces", traces(span(trace, own, job="a", more="x")), 1).rows[0]
    assert first.key == again.key == trace + own + b"S"


@pytest.mark.parametrize(
    "cut", [{"job": "load", "openlineage__export": "partial"}, {"openlineage__run__id": "x"}]
)
def test_a_copy_that_was_cut_does_not_keep_the_whole_one_out(selection: Selection, cut: dict):
    trace, own = trace_id(), span_id()
    (first,) = selection.select("traces", traces(span(trace, own, **cut)), 0).rows
    whole = span(trace, own, job="load", openlineage__export="lineage")
    (second,) = selection.select("traces", traces(whole), 0).rows
    assert first.key != second.key == trace + own + b"S"


def test_child_first_then_plain_then_parent(selection: Selection):
    chain = Chain()
    assert names(selection.select("traces", traces(chain.child), 0)) == ["child"]
    assert links(selection.select("traces", traces(chain.lower), S)) == chain.links[1:]
    assert links(selection.select("traces", traces(chain.upper), 2 * S)) == chain.links[:1]
    assert names(selection.select("traces", traces(chain.parent), 3 * S)) == ["parent"]


@pytest.mark.parametrize("json", [False, True])
def test_plain_first_within_memory(selection: Selection, json: bool):
    chain = Chain()
    plain = [selection.select("traces", traces(one), 0) for one in (chain.upper, span(trace_id(), span_id()))]
    if json:
        one = b'{"traceId":"%s","spanId":"%s","parentSpanId":"%s"}'
        body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + one + b"]}]}]}"
        ids = [raw.hex().encode() for raw in (chain.trace, chain.lower.span_id, chain.lower.parent_span_id)]
        plain.append(selection.select_json("traces", body % tuple(ids), S))
    else:
        plain.append(selection.select("traces", traces(chain.lower), S))
    assert not any(selected.rows for selected in plain)
    selected = selection.select("traces", traces(chain.child), 9 * S)
    assert links(selected) == chain.links
    assert selected.tally == Tally(1, -2)
    assert sum(s.tally.not_lineage for s in [*plain, selected]) == 1


def test_a_start_event_waits_like_its_span(selection: Selection):
    chain = Chain()
    parent = chain.child.parent_span_id.hex()
    start = record(
        "openlineage.run.start", chain.trace, chain.child.span_id,
        openlineage__job__name="child", openlineage__parent__span__id=parent,
    )  # fmt: skip
    selection.select("traces", traces(chain.lower), 0)
    started = selection.select("logs", logs(start), S)
    assert [row.kind for row in started.rows] == [Kind.LINK, Kind.LOG]
    assert balanced(started)
    assert links(selection.select("traces", traces(chain.upper), 2 * S)) == chain.links[:1]


def test_a_start_event_that_carries_its_parent_does_not_wait(selection: Selection):
    chain = Chain()
    start = record(
        "openlineage.run.start", chain.trace, chain.child.span_id, openlineage__job__name="child",
        openlineage__parent__span__id=chain.child.parent_span_id.hex(), openlineage__parent__run__id="x",
    )  # fmt: skip
    selection.select("logs", logs(start), 0)
    assert selection.select("traces", traces(chain.lower), S).rows == ()


def test_all_in_one_request(selection: Selection):
    chain = Chain()
    other = span(trace_id(), span_id())
    selected = selection.select(
        "traces", traces(chain.child, other, chain.upper, chain.lower, chain.parent), 0
    )
    assert links(selected) == chain.links
    assert balanced(selected)


def test_memory_lasts_as_long_as_a_run_waits(selection: Selection):
    chain = Chain()
    selection.select("traces", traces(chain.upper, chain.lower), 0)
    assert not links(selection.select("traces", traces(chain.child), 11 * S))
    assert not links(selection.select("traces", traces(chain.upper), 22 * S))


def test_nothing_is_recalled_twice(selection: Selection):
    chain = Chain()
    selection.select("traces", traces(chain.upper), 0)
    assert links(selection.select("traces", traces(chain.child), S)) == chain.links[:1]
    assert links(selection.select("traces", traces(chain.lower), 2 * S)) == chain.links[1:]
    later = span(chain.trace, span_id(), span_id(), job="later")
    assert not links(selection.select("traces", traces(later), 12 * S))


def test_a_commit_that_failed_can_be_repeated(selection: Selection):
    chain = Chain()
    selection.select("traces", traces(chain.upper, chain.lower), 0)
    first = selection.select("traces", traces(chain.child), S)
    selection.undo(first, S)
    assert selection.select("traces", traces(chain.child), 2 * S).rows == first.rows


@pytest.mark.parametrize("attributes", [{"openlineage__parent__run__id": "x"}, {}])
def test_runs_that_do_not_wait(selection: Selection, attributes: dict):
    """The parent is carried, or there is none, or it is in the same request."""
    chain = Chain()
    selection.select("traces", traces(chain.upper, chain.lower), 0)
    parent = b"" if not attributes else chain.lower.span_id
    run = span(chain.trace, span_id(), parent, job="run", **attributes)
    assert not links(selection.select("traces", traces(run), S))
    below = span(chain.trace, span_id(), chain.parent.span_id, job="below")
    assert not links(selection.select("traces", traces(below, chain.parent), S))


def test_a_plain_span_that_names_its_run_is_kept_whole(selection: Selection):
    inside = span(trace_id(), span_id(), span_id(), openlineage__run__id="x")
    (row,) = selection.select("traces", traces(inside), 0).rows
    assert row.kind is Kind.SPAN


def test_memory_is_bounded(selection: Selection, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "RECENT_BYTES", 200_000)
    monkeypatch.setattr(bounds, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(bounds, "MAX_WAITING", 50)
    early, late = Chain(), Chain()
    selection.select("traces", traces(early.upper), 0)
    for _ in range(500):
        selection.select("traces", traces(span(trace_id(), span_id(), filler="x" * 1000)), 0)
    selection.select("traces", traces(late.upper), 0)
    assert selection._recent.size <= 200_000
    assert not links(selection.select("traces", traces(early.child), 0))
    assert links(selection.select("traces", traces(late.child), 0)) == late.links[:1]
    selection.select(
        "traces", traces(*[span(trace_id(), span_id(), span_id(), job="j") for _ in range(200)]), 0
    )
    assert len(selection._waiting) == 50


def test_log_events(selection: Selection):
    trace, own = trace_id(), span_id()
    records = [
        record("openlineage.run.start", trace, own),
        record("openlineage.run.heartbeat", trace, own, at_s=1),
        record("openlineage.run.heartbeat", trace, own, at_s=2),
        record("openlineage.run.heartbeat", trace, own, at_s=2),
        record("exception", trace, own, exception__type="ValueError"),
        record("openlineage.dataset", openlineage__dataset="{}"),
        record("exception", exception__type="outside of any span"),
        record("", trace, own, message="openlineage.client failed"),
        record("", trace, own, event__name="openlineage.job"),
        record("openlineage.run.start", trace),
        record("openlineage.job", b"short"),
    ]
    selected = selection.select("logs", logs(*records), 0)
    assert [decode.log_event(row.payload).name.rpartition(".")[2] for row in selected.rows] == [
        "start",
        "heartbeat",
        "heartbeat",
        "heartbeat",
        "exception",
        "dataset",
        "job",
    ]
    assert selected.tally == Tally(11, 2, {"span_id": 1, "trace_id": 1})
    keys = [row.key for row in selected.rows]
    assert len(set(keys)) == len(keys) - 1
    assert keys[0] == trace + own + b"E"


def test_one_start_for_a_span(selection: Selection):
    trace, own = trace_id(), span_id()
    rows = [
        selection.select("logs", logs(record("openlineage.run.start", trace, own, at_s=at)), 0).rows[0]
        for at in (1, 2)
    ]
    assert rows[0].key == rows[1].key


def test_an_item_that_can_not_be_parsed_is_rejected_alone(selection: Selection):
    good, bad = span(trace_id(), span_id(), job="good"), span(trace_id(), span_id(), job="bad-utf8")
    body = traces(good, bad).replace(b"bad-utf8", b"bad-\xff\xfe\xfd\xfc")
    selected = selection.select("traces", body, 0)
    assert names(selected) == ["good"]
    assert selected.tally.rejected == {"malformed": 1}
    assert "UTF-8" in selected.message


def test_strict_looks_into_spans_without_lineage():
    body = traces(span(trace_id(), span_id(), note="plain-text")).replace(
        b"plain-text", b"plain-\xff\xfe\xfd\xfc"
    )
    assert Selection((b"openlineage.",), Receive(), 10.0).select("traces", body, 0).tally == Tally(1, 1)
    with pytest.raises(Malformed):
        Selection((b"openlineage.",), Receive(strict=True), 10.0).select("traces", body, 0)
