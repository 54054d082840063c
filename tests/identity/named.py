"""Events that name datasets, as small as they can be."""

import json
from typing import Any

from otel_bridge.identity import Name
from otel_bridge.model import Event

FACET = {"_producer": "https://example.test/producer", "_schemaURL": "https://example.test/facet.json"}
RUN = "00000000-0000-4000-8000-000000000001"


def dataset(
    name: Name, *aliases: Name, fields: str = "", kind: str = "TABLE", **facets: Any
) -> dict[str, Any]:
    found: dict[str, Any] = dict(facets)
    if aliases:
        found["symlinks"] = {**FACET, "identifiers": [{**a._asdict(), "type": kind} for a in aliases]}
    if fields:
        found["schema"] = {**FACET, "fields": [{"name": field} for field in fields.split()]}
    return {**name._asdict(), "facets": found}


def body(
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
    run: str = RUN,
    **changed: Any,
) -> bytes:
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-24T08:00:00.000001Z",
        "producer": "https://example.test/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": {}},
        "job": {"namespace": "jobs", "name": "load", "facets": {}},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }
    return json.dumps(event | changed).encode()


def event(content: bytes, key: str = RUN) -> Event:
    return Event("COMPLETE", key, "", 1, "jobs", "load", "0" * 32, "0" * 16, content)


def symlink(name: Name, kind: str = "TABLE") -> dict[str, str]:
    return {**name._asdict(), "type": kind}
