"""otel_trace: the span that a run was made from. The bridge's own facet, not OpenLineage's."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta
from msgspec.structs import replace

from otel_bridge.model import LeftOut, SpanRef, Value
from otel_bridge.openlineage.documents import facet_document
from otel_bridge.openlineage.reading import Fields, listing, uri
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Uri

KEY: Final = "otel_trace"
SLOT: Final = "run"
SCHEMA_URL: Final = "/facets/1-0-0/OtelTraceRunFacet.json#/$defs/OtelTraceRunFacet"
VALUES: Final[dict[str, str]] = {
    "span": "the span",
    "trace": "the span's resource and links",
    "trace_url": "trace.url of the configuration",
}
EXAMPLE: Final = {
    "span": SpanRef("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
    "trace": {"flags": 1, "service_name": "shop"},
    "trace_url": "http://127.0.0.1:16686/trace/{trace_id}?uiFind={span_id}",
}

TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
TraceId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
SpanId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Flags = Annotated[str, Meta(pattern="^[0-9a-f]{2}$")]


class Link(Part, frozen=True, kw_only=True, rename="camel"):
    """A span that the run's span links to."""

    trace_id: TraceId
    span_id: SpanId


class OtelTrace(Shape, frozen=True, kw_only=True):
    """`trace_flags` as in W3C trace context; `trace_url` opens the span in the tracing UI."""

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | Maybe = UNSET
    trace_flags: Flags | Maybe = UNSET
    service_name: str | Maybe = UNSET
    trace_url: Uri | Maybe = UNSET
    links: list[Link] | Maybe = UNSET


SHAPE: Final = OtelTrace


def build(values: Mapping[str, Value]) -> OtelTrace:
    """From the span's `SpanRef`, the configured link, and `{flags, service_name, links}`.

    `span_id` beside these is the span's own, where the run has a place in the trace that is not the span's.
    """
    span, fields = values.get("span"), Fields(values.get("trace", {}), "the trace")
    if not isinstance(span, SpanRef):
        raise LeftOut("there is no span")
    if own := fields.text("span_id"):
        span = replace(span, span_id=own)
    flags, links = fields.whole("flags"), fields.get("links")
    return OtelTrace(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id or UNSET,
        trace_flags=UNSET if flags is UNSET else f"{flags & 0xFF:02x}",
        service_name=fields.text("service_name"),
        trace_url=_url(values.get("trace_url"), span),
        links=[_link(link, i) for i, link in enumerate(listing(links, "links"), 1)] if links else UNSET,
    )


def _url(template: Value, span: SpanRef) -> Uri | Maybe:
    if not template:
        return UNSET
    return uri(template.replace("{trace_id}", span.trace_id).replace("{span_id}", span.span_id), "trace.url")


def _link(value: Value, number: int) -> Link:
    fields = Fields(value, "link", number)
    trace_id, span_id = fields.need("traceId"), fields.need("spanId")
    if not (TRACE_ID.fullmatch(trace_id) and SPAN_ID.fullmatch(span_id)):
        raise LeftOut(f"{fields.what} has no ids of 32 and 16 lower-case hex digits")
    return Link(trace_id=trace_id, span_id=span_id)


def schema(url: str) -> dict[str, Any]:
    """The JSON Schema that the API serves, with `url` as its `$id`."""
    return facet_document(url, KEY, "OtelTraceRunFacet", SLOT, _FACET)


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


_FACET: dict[str, Any] = {
    "type": "object",
    "description": "The OpenTelemetry span that the run was made from.",
    "required": ["traceId", "spanId"],
    "properties": {
        "traceId": _text("Trace id, 32 lower-case hex digits.", pattern="^[0-9a-f]{32}$"),
        "spanId": _text("Span id, 16 lower-case hex digits.", pattern="^[0-9a-f]{16}$"),
        "parentSpanId": _text(
            "Id of the span's parent; absent for the root of a trace.", pattern="^[0-9a-f]{16}$"
        ),
        "traceFlags": _text("Flags of W3C trace context, two hex digits.", pattern="^[0-9a-f]{2}$"),
        "serviceName": _text("service.name of the process that emitted the span."),
        "traceUrl": _text("Opens the span in the tracing UI.", format="uri"),
        "links": {
            "type": "array",
            "description": "Spans that this one links to.",
            "items": {
                "type": "object",
                "required": ["traceId", "spanId"],
                "properties": {
                    "traceId": _text("Trace id of the linked span.", pattern="^[0-9a-f]{32}$"),
                    "spanId": _text("Span id of the linked span.", pattern="^[0-9a-f]{16}$"),
                },
            },
        },
    },
}
