"""The statements of hooks as runs of their own, and those of a run-operation as its SQL."""

from typing import TYPE_CHECKING, Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs, phases
from dbt_otel_bridge.facts.values import message

if TYPE_CHECKING:
    from dbt_otel_bridge.invocation import Invocation
    from dbt_otel_bridge.nodes import NodeRun

MAX_SQL = 1024**2
"""Characters of SQL that are kept of a hook or a run-operation."""
_CONTROL = frozenset({"", "begin", "commit", "rollback"})


class ModelHooks:
    """Hooks of a model, of one kind, in order; `places` are their numbers among all of that kind."""

    def __init__(self, node: "NodeRun", kind: str, places: list[int], count: int, *, inside: bool) -> None:
        self._node = node
        self._kind = kind
        self._places = places
        self._count = count
        self._inside = inside
        self._seen = 0

    @guarded("starting a hook", fallback=None)
    def begin(self, sql: str) -> LineageRun | None:
        """A statement of a hook is about to be executed."""
        if _is_control(sql):
            return None
        index = self._places[min(self._seen, len(self._places) - 1)]
        self._seen += 1
        invocation = self._node.invocation
        told = facts.hook(invocation.task, self._kind, index, self._count, sql=sql, transaction=self._inside)
        told[names.UNIQUE_ID] = self._node.node.unique_id
        name = jobs.hook_name(self._node.name, self._kind, index)
        # where dbt makes the spans of nodes, the one that is current is the parent
        return invocation.emitter.start(name, parent=self._node.run, attributes=told)

    @guarded("ending a hook", fallback=None)
    def end(self, statement: LineageRun | None, error: BaseException | None) -> None:
        """It was executed."""
        if statement is not None:
            _finish(statement, None if error is None else message_of(error))


class CommandHooks:
    """The on-run-start or on-run-end hooks: dbt renders each, which may execute statements, and executes the rest."""

    def __init__(self, invocation: "Invocation", kind: str, count: int) -> None:
        self._invocation = invocation
        self._kind = kind
        self._count = count
        self._index = -1
        self._hook: LineageRun | None = None
        self._sql = Script()
        self._message: str | None = None

    @classmethod
    def of(cls, invocation: "Invocation", adapter: Any, kind: str) -> "CommandHooks | None":
        """Of the command; None if it has none."""
        nodes = getattr(invocation.task.manifest, "nodes", {}).values()
        count = sum(kind in (getattr(node, "tags", None) or ()) for node in nodes)
        if not count:
            return None
        phases.watch_statements(adapter)
        return cls(invocation, kind, count)

    @guarded("starting a hook", fallback=None)
    def next(self) -> None:
        """The next hook is rendered and executed from now on."""
        if self._invocation.by_dbt:
            return
        self.finish()
        name, told = self.starting()
        self._hook = self._invocation.emitter.start(name, parent=self._invocation.run, attributes=told)

    @guarded("ending a hook", fallback=None)
    def finish(self) -> None:
        """The hook is over."""
        hook, self._hook = self._hook, None
        if hook is not None:
            told, message = self.ending()
            for name, value in told.items():
                hook.set_attribute(name, value)
            _finish(hook, message)

    def starting(self) -> tuple[str, dict[str, Any]]:
        """Name of the next hook's job, and what is known of it."""
        self._index += 1
        self._sql, self._message = Script(), None
        told = facts.hook(self._invocation.task, self._kind, self._index, self._count)
        return jobs.hook_name(self._invocation.name, self._kind, self._index), told

    def ending(self) -> tuple[dict[str, Any], str | None]:
        """What is known of the hook once it is over, and why it failed."""
        return facts.statements(self._invocation.task, self._sql.text()), self._message

    def begin(self, sql: str) -> None:
        """A statement of the hook is about to be executed."""
        self._sql.add(sql)

    def end(self, statement: None, error: BaseException | None) -> None:
        """It was executed."""
        if error is not None:
            self._message = message_of(error)


@guarded("reading an error", fallback="it failed")
def message_of(error: BaseException) -> str:
    """What an exception says, without secrets."""
    return message(error) or type(error).__name__


def _finish(hook: LineageRun, message: str | None) -> None:
    hook.set_attribute(names.NODE_OUTCOME, "success" if message is None else "error")
    if message is not None:
        hook.set_state("FAIL", message)
    hook.end()


class OperationPhase:
    """The statements of a run-operation, collected."""

    def __init__(self, adapter: Any) -> None:
        phases.watch_statements(adapter)
        self.message = ""
        self._sql = Script()

    def begin(self, sql: str) -> None:
        """Keep it."""
        self._sql.add(sql)

    def end(self, statement: None, error: BaseException | None) -> None:
        """Keep the message of the last one that fails: dbt keeps it to itself."""
        if error is not None:
            self.message = message_of(error)

    def sql(self) -> str:
        """All of them as a script."""
        return self._sql.text()


class Script:
    """Statements in the order of their execution, up to a limit."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._length = 0

    @guarded("noting a statement", fallback=None)
    def add(self, sql: Any) -> None:
        """One more, unless it only begins or ends a transaction."""
        if not _is_control(sql) and self._length + len(sql) <= MAX_SQL:
            self._texts.append(sql.strip().rstrip(";"))
            self._length += len(sql)

    def text(self) -> str:
        """All of them."""
        return ";\n".join(self._texts)


def watch_hooks_of(node: Any, config: Any) -> None:
    """See the hooks of this model when they are run."""
    own = getattr(node, "config", None)
    if not (getattr(own, "pre_hook", None) or getattr(own, "post_hook", None)):
        return
    from dbt.adapters.factory import get_adapter

    phases.watch_statements(get_adapter(config))
    phases.watch_model_hooks(_phase_of)


@guarded("starting the hooks of a model", fallback=None)
def _phase_of(hooks: Any, inside: bool) -> ModelHooks | None:
    from dbt_otel_bridge.nodes import current_node  # it imports this module

    node = current_node()
    if node is None or (node.run is None and not node.invocation.by_dbt):
        return None
    shown = [hook if isinstance(hook, dict) else {} for hook in hooks]
    places = [i for i, hook in enumerate(shown) if bool(hook.get("transaction", True)) is inside]
    return ModelHooks(node, _kind_of(node, shown), places, len(shown), inside=inside) if places else None


def _kind_of(node: "NodeRun", hooks: list[dict[str, Any]]) -> str:
    given = getattr(node.node.config, "pre_hook", None) or []
    before = [getattr(hook, "sql", None) for hook in given]
    return "pre-hook" if before and before == [hook.get("sql") for hook in hooks] else "post-hook"


def _is_control(sql: Any) -> bool:
    return not isinstance(sql, str) or sql.strip().rstrip(";").strip().lower() in _CONTROL
