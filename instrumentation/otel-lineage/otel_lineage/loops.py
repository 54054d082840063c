"""What we must know of event loops, without importing any."""

import sys
from typing import Any


def in_event_loop() -> bool:
    """Whether waiting here would hold up an asyncio loop."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def current_task() -> Any:
    """The asyncio task that runs here, or None."""
    return sys.modules["asyncio"].current_task() if in_event_loop() else None


def is_cancellation(error: BaseException) -> bool:
    """Whether the error says that somebody stopped the work: Ctrl-C, or a cancelled task (asyncio, trio)."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ in {"CancelledError", "Cancelled"}
