"""Trace and run in the environment of the process, for what dbt starts: `TRACEPARENT` and OpenLineage's carriers.

dbt's own `env_var` reads a copy of the environment that dbt makes before, so that no project sees a change.
"""

import os
import threading

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

NAMES = ("TRACEPARENT", "TRACESTATE", "OPENLINEAGE_CONTEXT", "OPENLINEAGE_PARENT_ID")

_giving = threading.Lock()
_given: "HandedOn | None" = None


class HandedOn:
    """What stood there before; only one invocation of a process at a time hands anything on."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    @classmethod
    @guarded("handing the trace on", fallback=None)
    def give(cls, run: LineageRun) -> "HandedOn":
        """Make the run the parent of processes that are started from now on."""
        global _given  # noqa: PLW0603  the environment is the process's
        made = cls()
        with _giving:
            if _given is None:
                _given = made
                env = run.child_env()
                made._before = {name: os.environ.get(name) for name in NAMES}
                _set({name: env.get(name) for name in NAMES})
        return made

    @guarded("taking the trace back", fallback=None)
    def take_back(self) -> None:
        """As it was before."""
        global _given  # noqa: PLW0603
        with _giving:
            if _given is self:
                _given = None
                _set(self._before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
