"""How runs of commands and operations end."""

from collections.abc import Mapping
from typing import Any

from otel_lineage import LineageRun

from dbt_otel_bridge.statements import message_of


def finish(
    run: LineageRun,
    told: Mapping[str, Any],
    error: BaseException | None,
    *,
    failed: bool = False,
    why: str = "",
) -> None:
    """End a run with what is known; an exception that stops dbt itself is no failure of the work."""
    for name, value in told.items():
        run.set_attribute(name, value)
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
        run.abort(f"dbt stopped: {type(error).__name__}")
    elif error is not None:
        # not the exception itself: its text may hold what must not leave the process
        run.set_state("FAIL", f"{type(error).__name__}: {message_of(error)}")
    elif failed:
        run.set_state("FAIL", why or "dbt says that it failed")
    run.end()
