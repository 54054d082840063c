"""What is pointed out at the start."""

from typing import Any

import pytest
import structlog

from otel_bridge.config import load
from otel_bridge.service.advice import warn_if_schemas_stay_here


def http(url: str) -> dict[str, Any]:
    return {"name": "far", "type": "http", "url": url}


def kafka(*brokers: str) -> dict[str, Any]:
    return {"name": "far", "type": "kafka", "brokers": list(brokers), "topic": "lineage"}


@pytest.mark.parametrize(
    ("destination", "flags", "warned"),
    [
        (http("https://marquez.example:5000"), (), True),
        (http("http://127.0.0.1:5000"), (), False),
        (kafka("localhost:9092", "[::1]:9092"), (), False),
        (kafka("localhost:9092", "broker.example:9092"), (), True),
        (http("http://10.0.0.9"), ("api.endpoint=0.0.0.0:4319",), True),
        (http("http://10.0.0.9"), ("api.endpoint=10.0.0.8:4319",), False),
        (http("http://10.0.0.9"), ("api.public_url=https://lineage.example",), False),
        ({"name": "far", "type": "console"}, (), False),
    ],
)
def test_facet_schemas_that_readers_of_events_cannot_reach(
    destination: dict[str, Any], flags: tuple[str, ...], warned: bool
) -> None:
    settings = load(flags=[f"destinations=[{destination}]", *flags], environ={})
    with structlog.testing.capture_logs() as lines:
        warn_if_schemas_stay_here(settings)
    assert [line["event"] for line in lines] == ["facet_schemas_out_of_reach"] * warned
    assert all("api.public_url" in line["advice"] and line["destinations"] == ["far"] for line in lines)
