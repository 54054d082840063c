"""The runs that are open in this process, for the processor, heartbeats and the process's end."""

import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span

from otel_lineage import attributes as at
from otel_lineage.contexts import ref_in
from otel_lineage.identity import RunRef

if TYPE_CHECKING:
    from otel_lineage.runs import LineageRun


@dataclass
class OpenRun:
    """One open run span. `outermost`: no run of this process is around it. `attributes`: at its start.

    `io_spans`: how many ended spans inside said what it read or wrote.
    """

    ref: RunRef
    span: "weakref.ref[Span]"
    outermost: bool
    attributes: Mapping[str, Any]
    pid: int = field(default_factory=os.getpid)
    handle: "weakref.ref[LineageRun] | None" = None
    io_spans: int = 0

    @property
    def ours(self) -> bool:
        """Whether this process, not one that it was forked from, opened it."""
        return self.pid == os.getpid()


class OpenRuns:
    """Open runs by span and by run id. Each operation is one step on a dict, so that no lock is needed."""

    def __init__(self) -> None:
        self._by_span: dict[tuple[int, int], OpenRun] = {}
        self._by_run_id: dict[str, OpenRun] = {}

    def add(self, span: Span, ref: RunRef, attributes: Mapping[str, Any], *, outermost: bool) -> OpenRun:
        """Note a run that has just started."""
        key = span_key(span)
        run = OpenRun(ref, weakref.ref(span, lambda _: self._drop(key)), outermost, attributes)
        self._by_span[key] = run
        self._by_run_id[ref.run_id] = run
        return run

    def of_span(self, span: Any) -> OpenRun | None:
        """The run that is this very span."""
        return self._by_span.get(span_key(span))

    def take(self, span: Any) -> OpenRun | None:
        """The run that is this span, which has ended."""
        return self._drop(span_key(span))

    def of_run_id(self, run_id: str) -> OpenRun | None:
        """The open run with this id."""
        return self._by_run_id.get(run_id)

    def ours(self) -> list[OpenRun]:
        """All runs that this process opened."""
        return [run for run in list(self._by_span.values()) if run.ours]

    def around_span(self, context: Context | None) -> RunRef | None:
        """The nearest run around the context's span, as the span says: it is one, or is stamped with one."""
        span = trace.get_current_span(context)
        run = self.of_span(span)
        if run is not None:
            return run.ref
        stamped = (getattr(span, "attributes", None) or {}).get(at.RUN_ID)
        run = self.of_run_id(stamped) if isinstance(stamped, str) else None
        return run.ref if run is not None else None

    def around(self, context: Context | None) -> RunRef | None:
        """The nearest run around a context, by its span or else by the block that made the context."""
        return self.around_span(context) or ref_in(context)

    def innermost(self) -> OpenRun | None:
        """The run that all other open runs of this process are around; None if they are not nested like that.

        For threads that no context reaches.
        """
        open_runs = self.ours()
        latest = open_runs[-1] if open_runs else None
        chain: set[str] = set()
        step = latest
        while step is not None and step.ref.run_id not in chain:
            chain.add(step.ref.run_id)
            step = self._by_run_id.get(str(step.attributes.get(at.PARENT_RUN_ID)))
        return latest if all(run.ref.run_id in chain for run in open_runs) else None

    def _drop(self, key: tuple[int, int]) -> OpenRun | None:
        run = self._by_span.pop(key, None)
        if run is not None and self._by_run_id.get(run.ref.run_id) is run:
            del self._by_run_id[run.ref.run_id]
        return run


def span_key(span: Any) -> tuple[int, int]:
    """Trace and span id."""
    context = span.get_span_context()
    return context.trace_id, context.span_id
