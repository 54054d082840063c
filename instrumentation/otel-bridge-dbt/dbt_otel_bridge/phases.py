"""Statements that belong to no model: those of hooks and of run-operations, seen where adapters execute them.

A *phase* is the part of a thread's work in which they are expected. Outside of phases nothing is looked at.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from otel_lineage.trouble import guarded


class Phase(Protocol):
    """What listens to the statements."""

    def begin(self, sql: str) -> Any:
        """A statement is about to be executed; returns what `end` gets."""

    def end(self, statement: Any, error: BaseException | None) -> None:
        """It was executed."""


class _Here(threading.local):
    phase: Phase | None = None


_here = _Here()
_watched: set[type] = set()
_watching = threading.Lock()


def current() -> Phase | None:
    """The phase that this thread is in."""
    return _here.phase


@contextmanager
def entered(phase: Phase | None) -> Iterator[None]:
    """The phase in this thread; None leaves everything as it is."""
    if phase is None:
        yield
        return
    before, _here.phase = _here.phase, phase
    try:
        yield
    finally:
        _here.phase = before


@guarded("watching statements", fallback=None)
def watch_statements(adapter: Any) -> None:
    """See what this kind of adapter executes, from now on."""
    owner = next((c for c in type(adapter).__mro__ if "execute" in c.__dict__), None)
    with _watching:
        if owner is None or owner in _watched:
            return
        _watched.add(owner)
        owner.execute = _told(owner.__dict__["execute"])  # type: ignore[attr-defined]


def _told(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute(adapter: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        phase = _here.phase
        if phase is None:
            return original(adapter, sql, *args, **kwargs)
        statement = phase.begin(sql)
        _here.phase = None
        try:
            result = original(adapter, sql, *args, **kwargs)
        except BaseException as error:
            phase.end(statement, error)
            raise
        finally:
            _here.phase = phase
        phase.end(statement, None)
        return result

    return execute


@guarded("watching hooks of models", fallback=None)
def watch_model_hooks(phase_of: Callable[[Any, bool], Phase | None]) -> None:
    """See the macro in which materializations run the hooks of a model, from now on."""
    from dbt.clients.jinja import MacroGenerator

    with _watching:
        if MacroGenerator in _watched:
            return
        _watched.add(MacroGenerator)
        MacroGenerator.__call__ = _around_macro(MacroGenerator.__call__, phase_of)


def _around_macro(
    original: Callable[..., Any], phase_of: Callable[[Any, bool], Phase | None]
) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(macro: Any, *args: Any, **kwargs: Any) -> Any:
        with entered(_phase(macro, args, kwargs, phase_of)):
            return original(macro, *args, **kwargs)

    return call


@guarded("looking for hooks of a model", fallback=None)
def _phase(
    macro: Any, args: tuple[Any, ...], kwargs: dict[str, Any], phase_of: Callable[[Any, bool], Phase | None]
) -> Phase | None:
    if getattr(macro.macro, "name", "") != "run_hooks" or not args or not args[0]:
        return None
    inside = kwargs.get("inside_transaction", args[1] if len(args) > 1 else True)
    return phase_of(args[0], bool(inside))
