"""The shape of a dialect: how one family of producers speaks of runs, jobs and datasets.

A dialect is one module in `dialects/` (`bridge` is the one to copy), listed in `extract.DIALECTS`.
"""

from collections.abc import Iterable
from typing import Protocol

from otel_bridge import convention
from otel_bridge.extract.values import Attributes, run_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Evidence, IoObserved, LogEvent, Observation, Span, SpanRef, SpanSeen
from otel_bridge.namespaces import Namespaces


class Dialect(Protocol):
    """Pure functions over spans and log events."""

    @property
    def name(self) -> str:
        """First part of the rule in each evidence, `<name>.<rule>`."""

    @property
    def markers(self) -> tuple[bytes, ...]:
        """Each span or log event of this dialect, or its resource or scope, has one of these in its bytes.

        Not looked for where the settings say `marked`: such spans carry the bridge's own marker.
        """

    def claims(self, span: Span) -> bool:
        """Whether this dialect reads this span. The first one that claims a span does."""

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """What a claimed span says. Values that can't be read become omissions, never exceptions."""

    def claims_event(self, event: LogEvent) -> bool:
        """Whether this log event belongs to this dialect."""

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """What a claimed log event says."""


class Io:
    """Base of dialects that read what spans inside a run say of its input and output. They have no log events."""

    def claims_event(self, event: LogEvent) -> bool:
        """Never."""
        return False

    def extract_event(self, event: LogEvent, names: Namespaces, wanted: Wanted) -> Iterable[Observation]:
        """Nothing."""
        return ()


def connecting(span: Span) -> SpanSeen | IoObserved:
    """A span that is no run: it connects the runs below it with those above.

    One that a run counts among those that say something of its input and output is heard of even if no dialect reads it.
    """
    ref = SpanRef(span.trace_id, span.span_id, span.parent_span_id)
    enclosing = Attributes(span.attributes).read(convention.RUN_ID, run_id)
    if enclosing and any(name in span.attributes for name in convention.IO_ATTRIBUTES):
        return IoObserved(Evidence(span.trace_id, span.span_id, "unread"), ref, span.end_ns, enclosing)
    return SpanSeen(ref, enclosing)
