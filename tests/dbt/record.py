"""Records dbt's own spans and artifacts for `tests/dbt/recorded`; run by the Python of a dbt-core >= 1.12.1 with an SDK.

    python tests/dbt/record.py OUT PROJECT_COPY build --vars '{broken: true}'

writes OUT/spans.json, and OUT/target/*.json as dbt wrote them, without the macros and the command line. Ids of spans are counted through,
the invocation id and the project's folder are replaced, stack traces left out; nothing else is changed.
"""

import json
import os
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

TRACE = "0af7651916cd43dd8448eb211c80319c"
FOLDER = "/projects/everything"
ARTIFACTS = ("manifest", "run_results", "sources", "catalog")


def main() -> None:
    out, project = (Path(word).resolve() for word in sys.argv[1:3])
    spans = recorded(project, sys.argv[3:])
    target = project / "target"
    text = json.dumps(spans)
    invocation = json.loads((target / "manifest.json").read_text())["metadata"]["invocation_id"]
    number = f"{sum(map(ord, out.name)):012d}"
    (out / "target").mkdir(parents=True, exist_ok=True)

    def cleaned(said: str) -> str:
        said = said.replace(invocation, f"1f4e3a9c-0b7e-4d5f-8a3f-{number}")
        return said.replace(str(project), FOLDER)

    (out / "spans.json").write_text(cleaned(text) + "\n")
    for name in ARTIFACTS:
        file = target / f"{name}.json"
        if file.exists():
            found = json.loads(file.read_text())
            if found["metadata"]["invocation_id"] == invocation:
                (out / f"target/{name}.json").write_text(cleaned(json.dumps(without_bulk(found))) + "\n")


def recorded(project: Path, words: list[str]) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    resource = {"service.name": "dbt", "service.namespace": "dbt", "deployment.environment.name": "test"}
    provider = TracerProvider(resource=Resource(resource))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    os.environ["DBT_ENGINE_SNOWFLAKE_PROJECTS_OTEL"] = "true"
    os.chdir(project)
    from dbt.cli.main import dbtRunner

    dbtRunner().invoke(words)
    found: dict[str, Any] = MessageToDict(encode_spans(exporter.get_finished_spans()))
    renumbered(found)
    return found


def renumbered(found: dict[str, Any]) -> None:
    ids: dict[str, str] = {}

    def number(raw: str) -> str:
        return ids.setdefault(b64decode(raw).hex(), f"{len(ids) + 1:016x}")

    for scoped in found["resourceSpans"][0]["scopeSpans"]:
        for span in scoped["spans"]:
            for one in (span, *span.get("links", [])):
                one["traceId"], one["spanId"] = TRACE, number(one["spanId"])
            if span.get("parentSpanId"):
                span["parentSpanId"] = number(span["parentSpanId"])
            for event in span.get("events", []):
                event["attributes"] = [a for a in event["attributes"] if a["key"] != "exception.stacktrace"]


def without_bulk(artifact: dict[str, Any]) -> dict[str, Any]:
    bulk = ("macros", "docs", "parent_map", "child_map", "group_map", "selectors", "disabled")
    kept = {key: value for key, value in artifact.items() if key not in bulk}
    kept.get("args", {}).pop("invocation_command", None)
    return kept | ({"macros": {}} if "macros" in artifact else {})


if __name__ == "__main__":
    main()
