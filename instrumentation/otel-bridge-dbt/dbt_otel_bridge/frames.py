"""Our own lines in tracebacks: taken out before dbt prints or logs one, since it would show that somebody listens."""

from pathlib import Path
from types import TracebackType

from otel_lineage.trouble import guarded

_OURS = str(Path(__file__).parent)


@guarded("cleaning a traceback", fallback=None)
def hide(error: BaseException | None) -> None:
    """Take the lines of this package out of the traceback, and out of those of its causes."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        waiting += [error.__cause__, error.__context__]
        _unlink(error.__traceback__)


def _unlink(entry: TracebackType | None) -> None:
    """The first entry is that of whoever caught the exception, which is never us."""
    while entry is not None:
        below = entry.tb_next
        while below is not None and below.tb_frame.f_code.co_filename.startswith(_OURS):
            below = below.tb_next
        if below is not entry.tb_next:
            entry.tb_next = below
        entry = below
