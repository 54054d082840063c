"""Runs and datasets to test with."""

from typing import Any

from otel_bridge.model import Dataset, EventType, JobRef, Run, RunChanged, RunRef, SpanRef, State

RUN_ID = "018f0c9e-6d1c-7a4e-9a57-aaaaaaaaaaaa"
PARENT = RunRef("018f0c9e-6d1c-7a4e-9a57-bbbbbbbbbbbb", JobRef("floe.prod.sales", "daily"))
ROOT = RunRef("018f0c9e-6d1c-7a4e-9a57-cccccccccccc", JobRef("floe.prod.sales", "nightly"))
JAEGER = "http://127.0.0.1:16686/trace/{trace_id}?uiFind={span_id}"


def changed(event_type: EventType = EventType.COMPLETE, **run: Any) -> RunChanged:
    known = {
        "run_id": RUN_ID,
        "job": JobRef("floe.prod.sales", "daily.orders"),
        "span": SpanRef("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
        "started_ns": 1_790_000_000_000_000_000,
        "state": State.COMPLETE,
    }
    return RunChanged(event_type, 1_790_000_010_123_456_789, Run(**(known | run)))


def dataset(values: dict[str, Any] | None = None, **slots: dict[str, Any]) -> Dataset:
    return Dataset("postgres://db.example:5432", "shop.public.orders", values or {}, **slots)
