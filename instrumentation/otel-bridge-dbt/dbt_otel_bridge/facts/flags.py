"""The flags of an invocation that change what its lineage means, and its command."""

import sys
from collections.abc import Iterator
from typing import Any

from .values import compact, instant, part, text

_FLAGS = (
    "full_refresh", "empty", "sample", "defer", "favor_state", "fail_fast", "event_time_start", "event_time_end",
    "store_failures", "indirect_selection", "threads", "state", "defer_state",
)  # fmt: skip
_COMMANDS = {"freshness": "source freshness", "generate": "docs generate", "serve": "docs serve"}


def flag(args: object, name: str) -> Any:
    """A flag of dbt's, which keeps each under two spellings."""
    value = part(args, name.upper())
    return part(args, name.lower()) if value is None else value


def flags(args: object, config: object = None) -> dict[str, Any]:
    """Those that are set; the number of threads is the profile's where no flag gives it."""
    values = {name: _shown(flag(args, name)) for name in _FLAGS}
    values["threads"] = values["threads"] or part(config, "threads")
    return compact({name: value for name, value in values.items() if value is not False})


def command(task: object) -> str | None:
    """The command whose work the task does; of a retry that of the run that is tried again."""
    which = text(flag(part(task, "args"), "which"))
    return _COMMANDS.get(which or "", which)


def retry_of(task: object) -> str | None:
    """The invocation that `dbt retry` tries again, None outside a retry.

    The task of a retry is made and run by another task, which knows; it is met on the stack alone.
    """
    if "TaskWrapper" not in type(task).__qualname__:
        return None
    for owner in _owners():
        previous = part(owner, "previous_results")
        if previous is not None:
            return text(part(part(previous, "metadata"), "invocation_id"))
    return None


def _owners() -> Iterator[object]:
    frame = sys._getframe(1)
    for _ in range(60):
        if frame.f_code.co_name == "run":
            yield frame.f_locals.get("self")
        if frame.f_back is None:
            return
        frame = frame.f_back


def _shown(value: Any) -> Any:
    shown = instant(value)
    if not isinstance(shown, dict):
        return shown if isinstance(shown, bool | int | float | str) else text(value)
    # the window of --sample
    return "/".join(str(end) for end in shown.values())
