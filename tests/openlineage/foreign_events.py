"""Events as other producers send them, by the published shape of each client, and small ones to vary."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("producers")
PRODUCERS = sorted(path.stem for path in FOLDER.glob("*.ndjson"))
RUN = "41fb5137-f0fd-4ee5-ba5c-56f8571d1bd7"


def lines(producer: str) -> list[bytes]:
    """The events of a producer, in the order of sending."""
    return (FOLDER / f"{producer}.ndjson").read_bytes().splitlines()


def event(event_type: str = "START", run_id: str = RUN, **changed: Any) -> dict[str, Any]:
    """A small run event; `changed` replaces members, None takes them away."""
    found = {
        "eventType": event_type,
        "eventTime": "2026-11-24T08:00:00.000001Z",
        "run": {"runId": run_id, "facets": {}},
        "job": {"namespace": "elsewhere", "name": "etl", "facets": {}},
        "inputs": [],
        "outputs": [],
        "producer": "https://example.com/producer/v1",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    } | changed
    return {name: value for name, value in found.items() if value is not None}


def body(event_type: str = "START", run_id: str = RUN, **changed: Any) -> bytes:
    """The same as JSON."""
    return json.dumps(event(event_type, run_id, **changed)).encode()
