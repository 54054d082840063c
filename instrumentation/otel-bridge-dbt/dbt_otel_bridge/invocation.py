"""One dbt command as a run: what is open below it, and how it ends.

Nothing in here raises: every method that a hook calls is guarded.
"""

import weakref
from types import SimpleNamespace
from typing import Any

from opentelemetry import trace
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs, native, settings
from dbt_otel_bridge.endings import finish
from dbt_otel_bridge.environment import HandedOn
from dbt_otel_bridge.facts.flags import command
from dbt_otel_bridge.facts.results import status_of
from dbt_otel_bridge.nodes import NodeRun
from dbt_otel_bridge.statements import CommandHooks
from dbt_otel_bridge.stopping import Stopping

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
        self.project = str(told.get(names.PROJECT) or "")
        which = str(told.get(names.COMMAND) or "")
        self.name = jobs.invocation_name(which, self.project)
        self.designs = which in jobs.DESIGNING
        self.cancelled = False
        self.open: dict[str, NodeRun] = {}
        self.spans: dict[str, trace.SpanContext] = {}
        self.told: set[str] = set()
        self.run: LineageRun | None = None
        self.by_dbt = False
        self._handed_on: HandedOn | None = None
        self._native: native.Context | None = None
        self._stopping: Stopping | None = None

    @classmethod
    @guarded("telling a dbt command", fallback=None)
    def begin(cls, task: Any) -> "Invocation | None":
        """Start telling; None if there is nothing to tell of this command, or nobody to tell it to."""
        if command(task) not in jobs.MOVING | jobs.DESIGNING or not settings.enabled():
            return None
        told = facts.invocation(task)
        made = cls(task, told)
        made._start(told)
        _of_task[task] = made
        return made

    def _start(self, told: Attributes) -> None:
        if self.designs:
            return
        self._stopping = Stopping.watch()
        if native.makes_spans():
            self.by_dbt = True
            self._native = native.add_to(self, told)
            return
        self.run = self.emitter.start(self.name, attributes=told)
        self._handed_on = HandedOn.give(self.run)

    @guarded("starting a node", fallback=None)
    def start_node(self, runner: Any) -> "NodeRun | None":
        """Tell that dbt is about to work on a node, or on a batch of one."""
        return NodeRun.start(self, runner, runner.node) if jobs.has_run(runner.node) else None

    @guarded("starting the hooks of a command", fallback=None)
    def run_hooks(self, adapter: Any, hook_type: Any) -> "CommandHooks | None":
        """The phase of on-run-start or on-run-end hooks."""
        if self.run is None and not self.by_dbt:
            return None
        return CommandHooks.of(self, adapter, str(getattr(hook_type, "value", hook_type)))

    @guarded("ending a dbt command", fallback=None)
    def end(self, results: Any, error: BaseException | None) -> None:
        """Tell how it ended; whatever is still open ends as aborted, what was never begun as skipped."""
        if self._handed_on is not None:
            self._handed_on.take_back()
        if self._native is not None:
            self._native.leave()
        if self._stopping is not None:
            self._stopping.leave()
        results = results if results is not None else self.known_results()
        self._close(results, error)
        _of_task.pop(self.task, None)
        told = self._told_at_end(results, error)
        if self.run is not None:
            finish(self.run, told, error)

    def known_results(self) -> Any:
        """What dbt has so far, as far as results are concerned."""
        return SimpleNamespace(results=[r for r in getattr(self.task, "node_results", None) or [] if r])

    @guarded("reading what is known at a command's end", fallback={})
    def _told_at_end(self, results: Any, error: BaseException | None) -> Attributes:
        return facts.invocation_end(self.task, results, error)

    @guarded("ending what is open", fallback=None)
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
        if not key or key in self.told or status_of(result) != "skipped" or not jobs.has_run(node):
            return
        if str(getattr(node, "resource_type", "")) == "operation":
            return
        NodeRun.start(self, SimpleNamespace(node=node), node).close(result)
