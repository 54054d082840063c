"""What happens when something of ours goes wrong: the program goes on, and hears of it once per kind.

Every hook that a program runs through is `guarded`; `warn_once` is the only way this package logs.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from typing_extensions import ParamSpec

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("otel_lineage")
_said: set[str] = set()


def warn_once(kind: str, message: str, *values: Any, exc_info: bool = False) -> None:
    """Log a warning unless one of this kind was logged by this process already."""
    if kind in _said:
        return
    _said.add(kind)
    log.warning(message, *values, exc_info=exc_info)


def guarded(kind: str, fallback: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let no Exception out of the decorated hook: it returns `fallback` instead."""

    def decorate(hook: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(hook)
        def guard(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return hook(*args, **kwargs)
            except Exception:  # noqa: BLE001  the program must not see our faults
                warn_once(
                    kind, "otel-lineage: %s failed; the program goes on without it", kind, exc_info=True
                )
                return fallback  # type: ignore[no-any-return]

        return guard

    return decorate
