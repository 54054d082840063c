"""Trace and run in environment variables: written for child processes, read from the parent process.

`OPENLINEAGE_CONTEXT` is the parent context of OpenLineage's integrations with a `traceparent` beside the
`parent`; `OPENLINEAGE_PARENT_ID` is its older form `namespace/name/runId`; `TRACEPARENT` and `TRACESTATE`
are the W3C headers as OpenTelemetry puts them into environments.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_lineage.contexts import REF
from otel_lineage.identity import RunRef, canonical_run_id
from otel_lineage.trouble import guarded, warn_once
from otel_lineage.values import to_json

TRACEPARENT = "TRACEPARENT"
TRACESTATE = "TRACESTATE"
LINEAGE_CONTEXT = "OPENLINEAGE_CONTEXT"
PARENT_ID = "OPENLINEAGE_PARENT_ID"

_w3c = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Incoming:
    """What the environment says about the process that started this one."""

    parent: RunRef | None = None
    span: trace.Span | None = None

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Incoming":
        """Read a carrier; bad values are warned about and ignored."""
        document = _document(env.get(LINEAGE_CONTEXT))
        parent = _parent_of(document) or _parent_of_id(env.get(PARENT_ID))
        return cls(parent, _span_of(env, document))

    def context(self, base: Context | None = None) -> Context:
        """The base (default: empty) context with this as the parent."""
        context = Context() if base is None else base
        if self.parent is not None:
            context = otel_context.set_value(REF, self.parent, context)
        return context if self.span is None else trace.set_span_in_context(self.span, context)


def carry(env: dict[str, str], context: Context, ref: RunRef | None = None) -> dict[str, str]:
    """Write trace and run of a context into an environment, and return it."""
    headers: dict[str, str] = {}
    _w3c.inject(headers, context)
    if headers:
        env.pop(TRACESTATE, None)
        env.update({key.upper(): value for key, value in headers.items()})
    found = ref or otel_context.get_value(REF, context)
    if isinstance(found, RunRef):
        _carry_run(env, found, headers.get("traceparent"))
    return env


def _carry_run(env: dict[str, str], ref: RunRef, traceparent: str | None) -> None:
    document: dict[str, Any] = {"parent": {**_run_json(ref), "root": _run_json(ref.topmost)}}
    if traceparent:
        document["traceparent"] = traceparent
    env[LINEAGE_CONTEXT] = to_json(document)
    env.pop(PARENT_ID, None)
    if "/" not in ref.namespace + ref.name:
        env[PARENT_ID] = f"{ref.namespace}/{ref.name}/{ref.run_id}"


def _run_json(ref: RunRef) -> dict[str, Any]:
    return {"run": {"runId": ref.run_id}, "job": {"namespace": ref.namespace, "name": ref.name}}


@guarded("reading " + LINEAGE_CONTEXT, fallback={})
def _document(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    warn_once(
        LINEAGE_CONTEXT, "otel-lineage: %s is no JSON object and was ignored: %.200r", LINEAGE_CONTEXT, text
    )
    return {}


def _parent_of(document: Mapping[str, Any]) -> RunRef | None:
    if "parent" not in document:
        return None
    parent = document["parent"]
    ref = _ref(parent)
    if ref is None:
        warn_once(
            LINEAGE_CONTEXT, "otel-lineage: the parent in %s names no run and was ignored", LINEAGE_CONTEXT
        )
        return None
    return RunRef(ref.run_id, ref.namespace, ref.name, _ref(parent.get("root")) or ref)


def _ref(value: Any) -> RunRef | None:
    try:
        run_id = canonical_run_id(value["run"]["runId"])
        namespace, name = value["job"]["namespace"], value["job"]["name"]
    except (KeyError, TypeError):
        return None
    usable = run_id and isinstance(namespace, str) and isinstance(name, str) and namespace and name
    return RunRef(str(run_id), namespace, name) if usable else None


def _parent_of_id(text: str | None) -> RunRef | None:
    if not text:
        return None
    parts = text.split("/")
    run_id = canonical_run_id(parts[-1])
    if len(parts) != 3 or run_id is None or not all(parts):
        warn_once(
            PARENT_ID, "otel-lineage: %s=%.200r is not namespace/name/runId and was ignored", PARENT_ID, text
        )
        return None
    ref = RunRef(run_id, parts[0], parts[1])
    return RunRef(run_id, parts[0], parts[1], ref)


def _span_of(env: Mapping[str, str], document: Mapping[str, Any]) -> trace.Span | None:
    candidates = (env.get(TRACEPARENT), document.get("traceparent"))
    for text in candidates:
        if not text:
            continue
        headers = {"traceparent": str(text), "tracestate": env.get(TRACESTATE, "")}
        span = trace.get_current_span(_w3c.extract(headers, Context()))
        if span.get_span_context().is_valid:
            return span
        warn_once(TRACEPARENT, "otel-lineage: traceparent %.100r is malformed and was ignored", text)
    return None
