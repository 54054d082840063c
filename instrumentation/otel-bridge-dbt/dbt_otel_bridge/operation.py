"""A `dbt run-operation` as runs: the command, and below it the macro, or the SQL, with its statements."""

from typing import Any

from otel_lineage import LineageEmitter, LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs, settings
from dbt_otel_bridge.endings import finish
from dbt_otel_bridge.environment import HandedOn
from dbt_otel_bridge.facts.results import FAILED, status_of
from dbt_otel_bridge.statements import OperationPhase
from dbt_otel_bridge.stopping import Stopping


class Operation:
    """See the module."""

    def __init__(self, task: Any, command: LineageRun, macro: LineageRun, phase: OperationPhase) -> None:
        self.phase = phase
        self._task = task
        self._command = command
        self._macro = macro
        self._handed_on = HandedOn.give(macro)
        self._stopping = Stopping.watch()

    @classmethod
    @guarded("telling a run-operation", fallback=None)
    def begin(cls, task: Any) -> "Operation | None":
        """Start telling."""
        if not settings.enabled():
            return None
        from dbt.adapters.factory import get_adapter

        phase = OperationPhase(get_adapter(task.config))
        told = facts.operation(task)
        project = str(told.get(names.PROJECT) or "")
        command = jobs.invocation_name(str(told.get(names.COMMAND) or "run-operation"), project)
        macro = jobs.operation_name(project, str(getattr(task.args, "macro", "") or "inline_query"))
        emitter = LineageEmitter()
        outer = emitter.start(command, attributes={**told, names.KIND: names.KIND_INVOCATION})
        inner = emitter.start(macro, parent=outer, attributes=told)
        return cls(task, outer, inner, phase)

    @guarded("ending a run-operation", fallback=None)
    def end(self, results: Any, error: BaseException | None) -> None:
        """Tell how it ended."""
        if self._handed_on is not None:
            self._handed_on.take_back()
        if self._stopping is not None:
            self._stopping.leave()
        failed = _has_failed(results)
        finish(self._macro, self._told_of_macro(results, error), error, failed=failed, why=self.phase.message)
        finish(self._command, self._told_of_command(results, error), error)

    @guarded("reading what is known at an operation's end", fallback={})
    def _told_of_macro(self, results: Any, error: BaseException | None) -> dict[str, Any]:
        code = facts.statements(self._task, self.phase.sql())
        return {**facts.operation_end(self._task, results, error), **code}

    @guarded("reading what is known at a command's end", fallback={})
    def _told_of_command(self, results: Any, error: BaseException | None) -> dict[str, Any]:
        return facts.invocation_end(self._task, results, error)


@guarded("reading the results of an operation", fallback=False)
def _has_failed(results: Any) -> bool:
    return any(status_of(result) in FAILED for result in getattr(results, "results", None) or ())
