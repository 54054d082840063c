"""One node, or one batch of a node, as a run: from before dbt works on it until dbt has its result."""

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs
from dbt_otel_bridge.facts.results import FAILED, status_of
from dbt_otel_bridge.facts.values import message
from dbt_otel_bridge.statements import watch_hooks_of

if TYPE_CHECKING:
    from dbt_otel_bridge.invocation import Invocation


class _Here(threading.local):
    node: "NodeRun | None" = None


_here = _Here()


def current_node() -> "NodeRun | None":
    """The node that this thread works on."""
    return _here.node


class NodeRun:
    """See the module. `run` is None where dbt makes the span, or where the command only designs."""

    def __init__(self, invocation: "Invocation", runner: Any, node: Any) -> None:
        self.invocation = invocation
        self.runner = runner
        self.node = node
        self.result: Any = None
        self.run: LineageRun | None = None
        self.told: dict[str, Any] = {}
        package = str(getattr(node, "package_name", "") or "")
        self.name = jobs.node_name(node.unique_id, package, invocation.project)
        self._key = node.unique_id
        self._cancelled = True
        self._around: NodeRun | None = None
        self._token: Any = None

    @classmethod
    def start(cls, invocation: "Invocation", runner: Any, node: Any) -> "NodeRun":
        """Tell that work begins."""
        made = cls(invocation, runner, node)
        invocation.told.add(node.unique_id)
        if invocation.designs:
            return made
        made.told = facts.node_start(invocation.task, node, invocation.task.manifest, runner)
        parent = invocation.run
        if made.told.get(names.KIND) == names.KIND_BATCH:
            model = invocation.open.get(node.unique_id)
            made.name, made._key = jobs.batch_name(made.name), f"{node.unique_id}#{id(runner)}"
            parent = model.run if model is not None and model.run is not None else parent
        if parent is not None:
            made.run = invocation.emitter.start(made.name, parent=parent, attributes=made.told)
        invocation.open[made._key] = made
        made._link()
        made._watch_hooks()
        return made

    @property
    def interrupted(self) -> bool:
        """Whether it failed because dbt was stopped: it had no result yet, or a failure, when that began."""
        return self._cancelled and self.invocation.cancelled

    @guarded("linking nodes", fallback=None)
    def _link(self) -> None:
        """To the spans of the nodes that it depends on, as far as they ran in this invocation."""
        if self.run is None:
            return
        known = self.invocation.spans
        for key in getattr(getattr(self.node, "depends_on", None), "nodes", None) or ():
            if key in known:
                self.run.span.add_link(known[key], {"upstream.name": key})
        if self._key == self.node.unique_id:
            known[self._key] = self.run.span.get_span_context()

    @guarded("watching hooks", fallback=None)
    def _watch_hooks(self) -> None:
        watch_hooks_of(self.node, self.invocation.task.config)

    @guarded("entering a node", fallback=None)
    def enter(self) -> None:
        """This thread works on it now."""
        self._around, _here.node = _here.node, self
        if self.run is not None:
            self._token = otel_context.attach(self.run.context())

    @guarded("asking for columns", fallback=None)
    def ran(self, runner: Any, node: Any, manifest: Any) -> None:
        """Dbt has executed it, and its connection is still open."""
        if not self.invocation.designs and not self.invocation.cancelled:
            facts.node_ran(runner, node, manifest)

    def got(self, result: Any) -> None:
        """Its result, before dbt looks at it: what fails now has not failed because dbt was stopped."""
        self.result = result
        self._cancelled = self.invocation.cancelled

    @guarded("leaving a node", fallback=None)
    def leave(self, result: Any, error: BaseException | None) -> None:
        """This thread is done with it, with a result or by an exception that stops dbt."""
        _here.node = self._around
        if self._token is not None:
            otel_context.detach(self._token)
        if result is None:
            self.abort(f"dbt stopped: {type(error).__name__}")
        elif self.invocation.designs:
            self._design(result)
        else:
            self.close(result)

    def _design(self, result: Any) -> None:
        if status_of(result) not in FAILED:
            self.invocation.emitter.job_event(self.name, attributes=self.end_attributes(result))

    def close(self, result: Any) -> None:
        """Tell the result."""
        self.invocation.open.pop(self._key, None)
        run = self.run
        if run is None:
            return
        for name, value in self.end_attributes(result).items():
            if self.told.get(name) != value:
                run.set_attribute(name, value)
        status = _status_of(result)
        if status in FAILED and self.interrupted:
            run.abort("dbt was stopped while it ran")
        elif status in FAILED:
            run.set_state("FAIL", _message_of(result) or status)
        run.end()

    @guarded("reading what is known at a node's end", fallback={})
    def end_attributes(self, result: Any) -> dict[str, Any]:
        """Everything that is known of the node at its end."""
        task = self.invocation.task
        return facts.node_end(task, self.node, task.manifest, self.runner, result)

    @guarded("aborting a node", fallback=None)
    def abort(self, reason: str) -> None:
        """It will have no result."""
        self.invocation.open.pop(self._key, None)
        if self.run is not None:
            self.run.abort(reason)


@guarded("reading a status", fallback=None)
def _status_of(result: Any) -> str | None:
    return status_of(result)


@guarded("reading a message", fallback=None)
def _message_of(result: Any) -> str | None:
    return message(getattr(result, "message", None))
