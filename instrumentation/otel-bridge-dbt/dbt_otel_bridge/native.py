"""dbt-core 1.12.1 and newer can make spans itself: then its spans become our runs, and none is made twice.

dbt takes them from `task.dbt_tracer`; a tracer in its place adds what we know when a span starts and when it ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from otel_lineage import attributes as lineage
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, phases, settings
from dbt_otel_bridge.facts.results import FAILED, status_of
from dbt_otel_bridge.nodes import NodeRun, current_node
from dbt_otel_bridge.statements import CommandHooks

if TYPE_CHECKING:
    from dbt_otel_bridge.invocation import Invocation

INVOCATION = "dbt.invocation"
HOOKS = "operation."
FLAG = "SNOWFLAKE_PROJECTS_OTEL"


@guarded("looking for dbt's own spans", fallback=False)
def makes_spans() -> bool:
    """Whether dbt's flag is on, and its spans go anywhere."""
    from dbt.flags import get_flags

    return bool(getattr(get_flags(), FLAG, False)) and settings.program_exports()


class Context:
    """That of the process that started dbt, which dbt itself does not read, while dbt makes its spans."""

    def __init__(self, incoming: otel_context.Context) -> None:
        self._token = otel_context.attach(incoming)

    @guarded("leaving dbt's own spans", fallback=None)
    def leave(self) -> None:
        """As it was before."""
        otel_context.detach(self._token)


def add_to(invocation: "Invocation", told: dict[str, Any]) -> Context | None:
    """Add to the spans of this invocation."""
    from otel_lineage.runtime import runtime

    runtime().provider()  # its processor must know the spans from their start
    invocation.task.dbt_tracer = _Tracer(invocation.task.dbt_tracer, invocation, told)
    if trace.get_current_span().get_span_context().is_valid:
        return None
    return Context(runtime().incoming.context(otel_context.get_current()))


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
        node = _node_of(name)
        if node is not None:
            return {**node.told, lineage.JOB_NAME: node.name}
        hooks = _hooks_of(name)
        if hooks is not None:
            job, told = hooks.starting()
            return {**told, lineage.JOB_NAME: job}
        return {}

    @guarded("adding to the end of a span of dbt's", fallback=None)
    def _at_end(self, name: str, span: trace.Span, error: BaseException | None) -> None:
        node, hooks = _node_of(name), _hooks_of(name)
        if hooks is not None:
            _end_hook(span, *hooks.ending())
        elif name == INVOCATION:
            told = facts.invocation_end(self._invocation.task, self._invocation.known_results(), error)
            span.set_attributes(told)
        elif node is not None and node.result is not None:
            span.set_attributes(node.end_attributes(node.result))
        if isinstance(error, KeyboardInterrupt | SystemExit) or (
            node is not None and node.interrupted and status_of(node.result) in FAILED
        ):
            span.set_attribute(lineage.RUN_STATE, "ABORT")


def _node_of(name: str) -> NodeRun | None:
    """The node that this thread works on, if the span with this name is its."""
    node = current_node()
    return node if node is not None and node.node.unique_id == name else None


def _hooks_of(name: str) -> CommandHooks | None:
    """The hooks of the command that are executed now, if the span with this name is that of one of them."""
    phase = phases.current()
    return phase if isinstance(phase, CommandHooks) and name.startswith(HOOKS) else None


def _end_hook(span: trace.Span, told: dict[str, Any], message: str | None) -> None:
    span.set_attributes(told)
    outcome = getattr(span, "attributes", {}).get("hook_outcome")
    if outcome is not None:
        span.set_attribute(names.NODE_OUTCOME, outcome)
    if message is not None:
        span.set_status(trace.Status(trace.StatusCode.ERROR, message))
