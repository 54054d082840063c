"""dbt-core 1.12.1 and newer can make spans itself: then its spans become our runs, and none is made twice.

dbt takes them from `task.dbt_tracer`; a tracer in its place adds what we know when a span starts and when it ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from otel_lineage import attributes as lineage
from otel_lineage.trouble import guarded

from dbt_otel_bridge import facts, settings
from dbt_otel_bridge.nodes import current_node

if TYPE_CHECKING:
    from dbt_otel_bridge.invocation import Invocation

INVOCATION = "dbt.invocation"
FLAG = "SNOWFLAKE_PROJECTS_OTEL"


@guarded("looking for dbt's own spans", fallback=False)
def makes_spans() -> bool:
    """Whether dbt's flag is on, and its spans go anywhere."""
    from dbt.flags import get_flags

    return bool(getattr(get_flags(), FLAG, False)) and settings.program_exports()


def add_to(invocation: "Invocation", told: dict[str, Any]) -> None:
    """Add to the spans of this invocation."""
    from otel_lineage.runtime import runtime

    runtime().provider()  # its processor must know the spans from their start
    invocation.task.dbt_tracer = _Tracer(invocation.task.dbt_tracer, invocation, told)


class _Tracer:
    """The tracer that dbt asks."""

    def __init__(self, tracer: trace.Tracer, invocation: "Invocation", told: dict[str, Any]) -> None:
        self._tracer = tracer
        self._invocation = invocation
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[trace.Span]:
        """As the real tracer does, with more attributes."""
        attributes = {**(kwargs.pop("attributes", None) or {}), **(self._at_start(name) or {})}
        kwargs["attributes"] = attributes
        with self._tracer.start_as_current_span(name, *args, **kwargs) as span:
            try:
                yield span
            except BaseException as error:
                self._at_end(name, span, error)
                raise
            self._at_end(name, span, None)

    @guarded("adding to a span of dbt's", fallback=None)
    def _at_start(self, name: str) -> dict[str, Any]:
        if name == INVOCATION:
            return {**self._told, lineage.JOB_NAME: self._invocation.name}
        node = current_node()
        if node is not None and node.node.unique_id == name:
            return {**node.told, lineage.JOB_NAME: node.name}
        return {}

    @guarded("adding to the end of a span of dbt's", fallback=None)
    def _at_end(self, name: str, span: trace.Span, error: BaseException | None) -> None:
        node = current_node()
        if name == INVOCATION:
            told = facts.invocation_end(self._invocation.task, self._invocation.known_results(), error)
            span.set_attributes(told)
        elif node is not None and node.node.unique_id == name and node.result is not None:
            span.set_attributes(node.end_attributes(node.result))
        if isinstance(error, KeyboardInterrupt | SystemExit) or (
            node is not None and self._invocation.cancelled and _failed(node.result)
        ):
            span.set_attribute(lineage.RUN_STATE, "ABORT")


def _failed(result: Any) -> bool:
    return str(getattr(getattr(result, "status", None), "value", "")) in {"error", "fail"}
