"""Where dbt is listened to: wraps around a few of its methods, each put on once a process.

They are private and differ between versions: one that is not there is left out, and what it would tell is not told.
Whatever our own code does, the wrapped method runs once, and its result or exception is passed on as it is.
"""

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from otel_lineage.trouble import guarded, log

from dbt_otel_bridge import frames, logs, phases
from dbt_otel_bridge.invocation import Invocation, invocation_of
from dbt_otel_bridge.nodes import NodeRun, current_node
from dbt_otel_bridge.operation import Operation
from dbt_otel_bridge.statements import CommandHooks

Method = Callable[..., Any]

_installing = threading.Lock()
_installed = False


def install() -> None:
    """Put the wraps on."""
    global _installed  # noqa: PLW0603  once a process
    with _installing:
        if _installed:
            return
        _installed = True
    logs.keep_out_of_output()
    runnable = "dbt.task.runnable:GraphRunnableTask"
    _wrap(f"{runnable}.run", _around_task)
    _wrap(f"{runnable}.call_runner", _around_node)
    _wrap(f"{runnable}._cancel_connections", _before_cancelling)
    _wrap("dbt.task.base:BaseRunner.run", _after_execution)
    _wrap("dbt.task.base:BaseRunner.run_with_hooks", _keeping_result)
    _wrap("dbt.task.run:RunTask.safe_run_hooks", _around_run_hooks)
    _wrap("dbt.task.run:RunTask.get_hook_sql", _before_hook)
    _wrap("dbt.task.run_operation:RunOperationTask.run", _around_operation)
    _wrap("dbt.task.base:BaseRunner.handle_exception", _before_handling)
    _wrap("dbt_common.events.event_manager:EventManager.fire_event", _before_event)


@guarded("listening to dbt", fallback=None)
def _wrap(place: str, around: Callable[[Method], Method]) -> None:
    module, _, path = place.partition(":")
    owner_name, _, name = path.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    original = owner.__dict__.get(name)
    if original is None:
        log.debug("otel-bridge-dbt: this dbt has no %s", place)
        return
    setattr(owner, name, functools.wraps(original)(around(original)))


def _around_task(original: Method) -> Method:
    def run(task: Any, *args: Any, **kwargs: Any) -> Any:
        told = Invocation.begin(task)
        if told is None:
            return original(task, *args, **kwargs)
        try:
            result = original(task, *args, **kwargs)
        except BaseException as error:
            told.end(None, error)
            raise
        told.end(result, None)
        return result

    return run


def _around_node(original: Method) -> Method:
    def call_runner(task: Any, runner: Any, *args: Any, **kwargs: Any) -> Any:
        node = _start_node(task, runner)
        if node is None:
            return original(task, runner, *args, **kwargs)
        node.enter()
        try:
            result = original(task, runner, *args, **kwargs)
        except BaseException as error:
            node.leave(None, error)
            raise
        node.leave(result, None)
        return result

    return call_runner


def _before_cancelling(original: Method) -> Method:
    def cancel_connections(task: Any, *args: Any, **kwargs: Any) -> Any:
        _note_cancelling(task)
        return original(task, *args, **kwargs)

    return cancel_connections


@guarded("starting a node", fallback=None)
def _start_node(task: Any, runner: Any) -> NodeRun | None:
    told = invocation_of(task)
    return None if told is None else told.start_node(runner)


@guarded("noting that dbt cancels", fallback=None)
def _note_cancelling(task: Any) -> None:
    told = invocation_of(task)
    if told is not None:
        told.cancelled = True


@guarded("starting the hooks of a command", fallback=None)
def _start_hooks(task: Any, adapter: Any, hook_type: Any) -> CommandHooks | None:
    told = invocation_of(task)
    return None if told is None else told.run_hooks(adapter, hook_type)


def _after_execution(original: Method) -> Method:
    def run(runner: Any, compiled_node: Any, manifest: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(runner, compiled_node, manifest, *args, **kwargs)
        node = current_node()
        if node is not None:
            node.ran(runner, compiled_node, manifest)
        return result

    return run


def _keeping_result(original: Method) -> Method:
    """The result, before dbt acts on it: it may stop everything else, and ends its own span if it makes one."""

    def run_with_hooks(runner: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(runner, *args, **kwargs)
        node = current_node()
        if node is not None:
            node.got(result)
        return result

    return run_with_hooks


def _around_run_hooks(original: Method) -> Method:
    def safe_run_hooks(task: Any, adapter: Any, hook_type: Any, *args: Any, **kwargs: Any) -> Any:
        phase = _start_hooks(task, adapter, hook_type)
        if phase is None:
            return original(task, adapter, hook_type, *args, **kwargs)
        try:
            with phases.entered(phase):
                return original(task, adapter, hook_type, *args, **kwargs)
        finally:
            phase.finish()

    return safe_run_hooks


def _before_hook(original: Method) -> Method:
    def get_hook_sql(task: Any, *args: Any, **kwargs: Any) -> Any:
        phase = phases.current()
        if isinstance(phase, CommandHooks):
            phase.next()
        return original(task, *args, **kwargs)

    return get_hook_sql


def _around_operation(original: Method) -> Method:
    def run(task: Any, *args: Any, **kwargs: Any) -> Any:
        told = Operation.begin(task)
        if told is None:
            return original(task, *args, **kwargs)
        try:
            with phases.entered(told.phase):
                result = original(task, *args, **kwargs)
        except BaseException as error:
            told.end(None, error)
            raise
        told.end(result, None)
        return result

    return run


def _before_handling(original: Method) -> Method:
    def handle_exception(runner: Any, error: Any, *args: Any, **kwargs: Any) -> Any:
        frames.hide(error)
        return original(runner, error, *args, **kwargs)

    return handle_exception


def _before_event(original: Method) -> Method:
    """Before dbt formats a traceback that it shows, it tells of the exception."""

    def fire_event(manager: Any, *args: Any, **kwargs: Any) -> Any:
        error = sys.exc_info()[1]
        if error is not None:
            frames.hide(error)
        return original(manager, *args, **kwargs)

    return fire_event
