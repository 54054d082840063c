"""OTLP and events of other producers in: bytes to rows of the journal.

    grpc_door   http     doors, each with its limits, credentials and error format; one more for the API
          └──┬───┘
            ack          one function behind all: inflate, select, make durable, answer
             │
         selection       what of a request is lineage (frames, jsonrequest, topology); lineage: events as they are
             │
          decode         a row's payload back to a Span or LogEvent, in the converting process

The doors need grpc and httptools; they are loaded when somebody asks for them, so that the converting process
and `otel-bridge convert` stay small.
"""

from typing import TYPE_CHECKING, Any

from otel_bridge.receive.ack import Journal, Receiver
from otel_bridge.receive.jsonrequest import Signal, transcode
from otel_bridge.receive.selection import Selected, Selection

if TYPE_CHECKING:
    from otel_bridge.receive.doors import Doors, open_doors

__all__ = ["Doors", "Journal", "Receiver", "Selected", "Selection", "Signal", "open_doors", "transcode"]


def __getattr__(name: str) -> Any:
    if name in {"Doors", "open_doors"}:
        from otel_bridge.receive import doors

        return getattr(doors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
