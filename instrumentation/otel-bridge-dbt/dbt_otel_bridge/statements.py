"""The statements of hooks as runs of their own, and those of a run-operation as its SQL."""

from typing import TYPE_CHECKING, Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

from dbt_otel_bridge import attributes as names
from dbt_otel_bridge import facts, jobs, phases

if TYPE_CHECKING:
    from dbt_otel_bridge.invocation import Invocation
    from dbt_otel_bridge.nodes import NodeRun

MAX_SQL = 1024**2
"""Characters of SQL that are kept of a run-operation."""
_CONTROL = frozenset({"", "begin", "commit", "rollback"})


class HookPhase:
    """Hooks of one kind, in order; `places` are their numbers among all of that kind."""

    def __init__(
        self, invocation: "Invocation", parent: LineageRun, kind: str, places: list[int], count: int
    ) -> None:
        self._invocation = invocation
        self._parent = parent
        self._kind = kind
        self._places = places
        self._count = count
        self._seen = 0
        self.owner = parent.name
        self.node: Any = None
        self.transaction: bool | None = None

    @classmethod
    def of_command(cls, invocation: "Invocation", adapter: Any, kind: str) -> "HookPhase | None":
        """The hooks of the whole command."""
        count = len(_hooks_of_kind(invocation.task, kind))
        if not count or invocation.run is None:
            return None
        phases.watch_statements(adapter)
        return cls(invocation, invocation.run, kind, list(range(count)), count)

    @guarded("starting a hook", fallback=None)
    def begin(self, sql: str) -> LineageRun | None:
        """A statement of a hook is about to be executed."""
        if _is_control(sql):
            return None
        index = self._places[min(self._seen, len(self._places) - 1)]
        self._seen += 1
        told = facts.hook(
            self._invocation.task, self._kind, index, self._count, sql=sql, transaction=self.transaction
        )
        if self.node is not None:
            told[names.UNIQUE_ID] = self.node.unique_id
        name = jobs.hook_name(self.owner, self._kind, index)
        return self._invocation.emitter.start(name, parent=self._parent, attributes=told)

    @guarded("ending a hook", fallback=None)
    def end(self, statement: LineageRun | None, error: BaseException | None) -> None:
        """It was executed."""
        if statement is None:
            return
        statement.set_attribute(names.NODE_OUTCOME, "success" if error is None else "error")
        if error is not None:
            statement.set_state("FAIL", str(error))
        statement.end()


class OperationPhase:
    """The statements of a run-operation, collected."""

    def __init__(self, adapter: Any) -> None:
        phases.watch_statements(adapter)
        self.message = ""
        self._texts: list[str] = []
        self._length = 0

    @guarded("noting a statement", fallback=None)
    def begin(self, sql: str) -> None:
        """Keep it."""
        if not _is_control(sql) and self._length + len(sql) <= MAX_SQL:
            self._texts.append(sql.strip().rstrip(";"))
            self._length += len(sql)

    def end(self, statement: None, error: BaseException | None) -> None:
        """Keep the message of the last one that fails: dbt keeps it to itself."""
        if error is not None:
            self.message = str(error)

    def sql(self) -> str:
        """All of them as a script."""
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
def _phase_of(hooks: Any, inside: bool) -> HookPhase | None:
    from dbt_otel_bridge.nodes import current_node  # it imports this module

    node = current_node()
    if node is None or node.run is None:
        return None
    shown = [hook if isinstance(hook, dict) else {} for hook in hooks]
    places = [i for i, hook in enumerate(shown) if bool(hook.get("transaction", True)) is inside]
    if not places:
        return None
    phase = HookPhase(node.invocation, node.run, _kind_of(node, shown), places, len(shown))
    phase.node, phase.transaction = node.node, inside
    return phase


def _kind_of(node: "NodeRun", hooks: list[dict[str, Any]]) -> str:
    given = getattr(node.node.config, "pre_hook", None) or []
    before = [getattr(hook, "sql", None) for hook in given]
    return "pre-hook" if before and before == [hook.get("sql") for hook in hooks] else "post-hook"


def _hooks_of_kind(task: Any, kind: str) -> list[Any]:
    nodes = getattr(task.manifest, "nodes", {}).values()
    return [node for node in nodes if kind in (getattr(node, "tags", None) or ())]


def _is_control(sql: Any) -> bool:
    return not isinstance(sql, str) or sql.strip().rstrip(";").strip().lower() in _CONTROL
