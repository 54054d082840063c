"""One dbt command as a run: what is open below it, and how it ends.

Nothing in here raises: every method that a hook calls is guarded.
"""

import threading
import weakref
from types import SimpleNamespace
from typing import Any

from opentelemetry import trace
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs, native
from dbt_otel_bridge.environment import HandedOn
from dbt_otel_bridge.nodes import NodeRun, current_node
from dbt_otel_bridge.statements import CommandHooks, OperationPhase

__all__ = ["Invocation", "Operation", "current_node", "invocation_of"]

Attributes = dict[str, Any]

_of_task: "weakref.WeakKeyDictionary[Any, Invocation]" = weakref.WeakKeyDictionary()


def invocation_of(task: Any) -> "Invocation | None":
    """The invocation that this task of dbt's is told as."""
    return _of_task.get(task)


class Invocation:
    """A command on nodes, from `begin` to `end`."""

    def __init__(self, task: Any, told: Attributes) -> None:
        self.task = task
        self.emitter = LineageEmitter()
        self.command = str(told.get(names.COMMAND) or "")
        self.project = str(told.get(names.PROJECT) or "")
        self.name = jobs.invocation_name(self.command, self.project)
        self.designs = self.command in jobs.DESIGNING
        self.cancelled = False
        self.open: dict[str, NodeRun] = {}
        self.spans: dict[str, trace.SpanContext] = {}
        self.told: set[str] = set()
        self.lock = threading.Lock()
        self.run: LineageRun | None = None
        self.by_dbt = False
        self._handed_on: HandedOn | None = None

    @classmethod
    @guarded("telling a dbt command", fallback=None)
    def begin(cls, task: Any) -> "Invocation | None":
        """Start telling; None if there is nothing to tell of this command."""
        told = facts.invocation(task)
        made = cls(task, told)
        if made.command not in jobs.MOVING and not made.designs:
            return None
        _of_task[task] = made
        made._start(told)
        return made

    def _start(self, told: Attributes) -> None:
        if self.designs:
            return
        if native.makes_spans():
            self.by_dbt = True
            native.add_to(self, told)
            return
        self.run = self.emitter.start(self.name, attributes=told)
        self._handed_on = HandedOn.give(self.run)

    @guarded("starting a node", fallback=None)
    def start_node(self, runner: Any) -> "NodeRun | None":
        """Tell that dbt is about to work on a node, or on a batch of one."""
        node = runner.node
        if not jobs.has_run(node):
            return None
        return NodeRun.start(self, runner, node)

    @guarded("starting the hooks of a command", fallback=None)
    def run_hooks(self, adapter: Any, hook_type: Any) -> "CommandHooks | None":
        """The phase of on-run-start or on-run-end hooks."""
        if self.run is None:
            return None
        kind = str(getattr(hook_type, "value", hook_type))
        return CommandHooks.of(self, adapter, kind)

    @guarded("ending a dbt command", fallback=None)
    def end(self, results: Any, error: BaseException | None) -> None:
        """Tell how it ended; whatever is still open ends as aborted, what was never begun as skipped."""
        if self._handed_on is not None:
            self._handed_on.take_back()
        results = results if results is not None else self.known_results()
        try:
            self._close(results, error)
        finally:
            _of_task.pop(self.task, None)
            told = facts.invocation_end(self.task, results, error)
        if self.run is not None:
            finish(self.run, told, error)

    def known_results(self) -> Any:
        """What dbt has so far, as far as results are concerned."""
        return SimpleNamespace(results=[r for r in getattr(self.task, "node_results", None) or [] if r])

    def _close(self, results: Any, error: BaseException | None) -> None:
        for node in list(self.open.values()):
            node.abort(f"dbt stopped: {type(error).__name__}" if error else "dbt stopped before it ended")
        for result in [] if self.designs else getattr(results, "results", None) or []:
            self._tell_skipped(result)

    @guarded("telling a skipped node", fallback=None)
    def _tell_skipped(self, result: Any) -> None:
        """With fail-fast, or after a failing on-run-start, dbt gives results to nodes that it never looked at."""
        node = getattr(result, "node", None)
        key = getattr(node, "unique_id", None)
        status = str(getattr(result.status, "value", result.status))
        if node is None or not key or key in self.told or status != "skipped" or not jobs.has_run(node):
            return
        if str(getattr(node, "resource_type", "")) == "operation":
            return
        run = NodeRun.start(self, SimpleNamespace(node=node), node)
        if run is not None:
            run.close(result)


class Operation:
    """A `dbt run-operation`: the command, and the macro below it with its statements."""

    def __init__(self, task: Any, command: LineageRun, macro: LineageRun, phase: OperationPhase) -> None:
        self.task = task
        self.phase = phase
        self._command = command
        self._macro = macro
        self._handed_on = HandedOn.give(macro)

    @classmethod
    @guarded("telling a run-operation", fallback=None)
    def begin(cls, task: Any) -> "Operation | None":
        """Start telling."""
        from dbt.adapters.factory import get_adapter

        told = facts.operation(task)
        project = str(told.get(names.PROJECT) or "")
        command = str(told.get(names.COMMAND) or "run-operation")
        emitter = LineageEmitter()
        invocation = {**told, names.KIND: names.KIND_INVOCATION}
        outer = emitter.start(jobs.invocation_name(command, project), attributes=invocation)
        macro = str(getattr(task.args, "macro", "") or "")
        inner = emitter.start(jobs.operation_name(project, macro), parent=outer, attributes=told)
        return cls(task, outer, inner, OperationPhase(get_adapter(task.config)))

    @guarded("ending a run-operation", fallback=None)
    def end(self, results: Any, error: BaseException | None) -> None:
        """Tell how it ended."""
        self._handed_on.take_back()
        code = facts.statements(self.task, self.phase.sql())
        told = {**facts.operation_end(self.task, results, error), **code}
        finish(self._macro, told, error, self.phase.message)
        outer = facts.invocation_end(self.task, results, error)
        finish(self._command, outer, error)


def finish(run: LineageRun, told: Attributes, error: BaseException | None, message: str = "") -> None:
    """End a run with what is known; an exception that stops dbt itself is no failure of the work."""
    for name, value in told.items():
        run.set_attribute(name, value)
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
        run.abort(f"dbt stopped: {type(error).__name__}")
    elif message:
        run.set_state("FAIL", message)
    run.end(error)
