"""Events to try profiles with, and what a profile makes of them."""

import json
from typing import Any

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import Prepared, prepare
from otel_bridge.settings import Consumer, ProfileName

PRODUCER = "https://example.org/etl"
Json = dict[str, Any]
RUNS = ("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER")


def facet(**fields: Any) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": "https://example.org/facet.json", **fields}


def schema(*fields: tuple[str, str]) -> Json:
    return facet(fields=[{"name": name, "type": kind} for name, kind in fields])


def dataset(name: str = "orders", namespace: str = "postgres://db:5432", **facets: Json) -> Json:
    return {"namespace": namespace, "name": name, "facets": facets}


def parent(name: str = "task", root: str = "", namespace: str = "ns") -> Json:
    top = {"root": {"run": {"runId": "r"}, "job": {"namespace": namespace, "name": root}}} if root else {}
    return facet(run={"runId": "p"}, job={"namespace": namespace, "name": name}, **top)


def body(
    kind: str = "COMPLETE",
    *,
    run: Json | None = None,
    job: Json | None = None,
    name: str = "job",
    namespace: str = "ns",
    inputs: list[Json] | None = None,
    outputs: list[Json] | None = None,
    **more: Any,
) -> Json:
    return {
        "eventType": kind,
        "eventTime": "2026-11-24T10:00:00Z",
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "c", "facets": run or {}},
        "job": {"namespace": namespace, "name": name, "facets": job or {}},
        "inputs": [dataset()] if inputs is None else inputs,
        "outputs": [dataset("daily")] if outputs is None else outputs,
        **more,
    }


def event(found: Json) -> Event:
    kind = found.get("eventType") or ("JOB" if "job" in found else "DATASET")
    return Event(kind, "c", "", 1, "ns", "job", "", "", json.dumps(found).encode())


def sent(profile: ProfileName, found: Json, path: str | None = None, **more: Any) -> Prepared:
    return prepare(event(found), Consumer(profile=profile, **more), path)


def got(profile: ProfileName, found: Json, path: str | None = None, **more: Any) -> Json:
    prepared = sent(profile, found, path, **more)
    assert (prepared.skipped, prepared.refused) == ("", "")
    return json.loads(prepared.body)


def parent_name(found: Json) -> str:
    return found["run"]["facets"]["parent"]["job"]["name"]


# One check for each rule, by its id
