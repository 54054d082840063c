"""Where Dagster is listened to: a table of its functions, each wrapped as soon as its module has been imported.

Most are private, though they have had their names and arguments since 1.6: one that is not there is left out, and
what it would tell is not told. Whatever our own code does, the wrapped function runs once, and its result or
exception is passed on as it is. What wraps a function is imported with Dagster, not before.
"""

import importlib
import sys
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from otel_lineage.trouble import guarded, log


@dataclass(frozen=True)
class Hook:
    """A function `name` (or `Class.method`) of a module, and `around`, which wraps it in wrapt's way.

    `copies` are modules that import the function by name: one that was imported before us gets the wrapped one, too.
    """

    module: str
    name: str
    around: str
    copies: tuple[str, ...] = ()


_EXECUTION = "dagster._core.execution"

HOOKS = (
    Hook(
        f"{_EXECUTION}.api",
        "job_execution_iterator",
        "runs:around_run",
        (f"{_EXECUTION}.execute_in_process", f"{_EXECUTION}.host_mode"),
    ),
    Hook(
        f"{_EXECUTION}.plan.execute_plan",
        "dagster_event_sequence_for_step",
        "steps:around_step",
        (f"{_EXECUTION}.plan.external_step",),
    ),
    Hook(f"{_EXECUTION}.plan.inputs", "_load_input_with_input_manager", "steps:around_load"),
    Hook(f"{_EXECUTION}.plan.execute_step", "_store_output", "steps:around_store"),
    Hook(
        f"{_EXECUTION}.context.data_version_cache",
        "DataVersionCache._get_input_asset_event",
        "steps:around_upstream",
    ),
    Hook(
        f"{_EXECUTION}.context.system",
        "StepExecutionContext._get_input_asset_event",
        "steps:around_upstream",
    ),
    Hook(
        "dagster._core.executor.base",
        "Executor.log_failure_or_retry_event_after_error",
        "crashes:around_crash",
    ),
    Hook(
        "dagster._core.executor.base",
        "Executor.get_failure_or_retry_event_after_crash",
        "crashes:around_crash",
    ),
    Hook(
        "dagster._core.executor.multiprocess",
        "MultiprocessExecutorChildProcessCommand.__init__",
        "children:around_command",
    ),
    Hook("dagster._core.instance", "DagsterInstance.handle_new_event", "crashes:around_event"),
    Hook(
        "dagster._core.instance.methods.event_methods",
        "EventMethods.handle_new_event",
        "crashes:around_event",
    ),
    Hook("dagster._core.log_manager", "DagsterLogHandler._convert_record", "logs:around_record"),
    Hook("dagster._core.pipes.context", "PipesSession.get_bootstrap_env_vars", "pipes:around_env"),
    Hook("dagster_dbt.core.dbt_cli_invocation", "DbtCliInvocation.run", "dbt:around_dbt"),
)
"""A function that has moved or changed its name is here once for each."""

_installing = threading.Lock()
_installed = False
_removed = False
_originals: list[tuple[Any, str, Any]] = []


def install() -> None:
    """Wrap what is imported, and the rest when it is."""
    global _installed, _removed  # noqa: PLW0603  once a process
    with _installing:
        _removed = False
        if _installed:
            return
        _installed = True
    from wrapt import register_post_import_hook

    for hook in HOOKS:
        register_post_import_hook(_listener(hook), hook.module)


def remove() -> None:
    """Everything as it was before."""
    global _installed, _removed
    with _installing:
        _installed, _removed = False, True
        while _originals:
            owner, name, original = _originals.pop()
            wrapped = vars(owner).get(name)
            for place in (owner, *_copies(name, wrapped)):
                setattr(place, name, original)


def _listener(hook: Hook) -> Any:
    def imported(module: ModuleType) -> None:
        if not _removed:
            _wrap(hook, module)

    return imported


@guarded("listening to Dagster", fallback=None)
def _wrap(hook: Hook, module: ModuleType) -> None:
    from wrapt import FunctionWrapper

    *path, name = hook.name.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    original = vars(owner).get(name)
    if original is None or isinstance(original, FunctionWrapper):
        if original is None:
            log.debug("otel-bridge-dagster: this Dagster has no %s in %s", hook.name, hook.module)
        return
    wrapped = FunctionWrapper(original, _around(hook))
    _originals.append((owner, name, original))
    for place in (owner, *_copies(name, original)):
        setattr(place, name, wrapped)


def _around(hook: Hook) -> Any:
    module, _, name = hook.around.partition(":")
    return getattr(importlib.import_module(f"otel_bridge_dagster.{module}"), name)


def _copies(name: str, function: Any) -> list[ModuleType]:
    """Modules that have imported the function by name."""
    modules = {copy for hook in HOOKS if hook.name == name for copy in hook.copies}
    loaded = (sys.modules.get(module) for module in modules)
    return [module for module in loaded if module is not None and vars(module).get(name) is function]
