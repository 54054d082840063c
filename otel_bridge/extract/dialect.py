"""The shape of a dialect: how one family of producers speaks of runs, jobs and datasets.

A dialect is one module in `dialects/` (`bridge` is the one to copy), listed in `extract.DIALECTS`.
"""

from collections.abc import Iterable
from typing import Protocol

from otel_bridge import convention
from otel_bridge.extract.values import Attributes, run_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import LogEvent, Observation, Span, SpanRef, SpanSeen
from otel_bridge.namespaces import Namespaces


class Dialect(Protocol):
    """Pure functions over spans and log events."""

    @property
    def name(self) -> str:
        """First part of the rule in each evidence, `<name>.<rule>`."""

    @property
    def markers(self) -> tuple[bytes, ...]:
        """Each span or log event of this dialect, or its resource or scope, has one of these in its bytes."""

    def claims(self, span: Span) -> bool:
        """Whether this span is a run in this dialect. The first dialect that claims a span reads it."""

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """What a claimed span says. Values that can't be read become omissions, never exceptions."""

    def claims_event(self, event: LogEvent) -> bool:
        """Whether this log event belongs to this dialect."""

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """What a claimed log event says."""


def connecting(span: Span) -> SpanSeen:
    """A span that is no run: it connects the runs below it with those above."""
    enclosing = Attributes(span.attributes).read(convention.RUN_ID, run_id)
    return SpanSeen(SpanRef(span.trace_id, span.span_id, span.parent_span_id), enclosing)
