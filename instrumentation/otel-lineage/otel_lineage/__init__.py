"""Lineage runs on OpenTelemetry spans. Start with `lineage_run`; README.md has the rest."""

from typing import TYPE_CHECKING, Any

from otel_lineage.blocks import RunBlock, lineage_run
from otel_lineage.contexts import attach, current_run, wrap
from otel_lineage.datasets import Dataset, DatasetLike
from otel_lineage.emitter import LineageEmitter
from otel_lineage.identity import RunRef, SpanIds, job_namespace, run_id_of
from otel_lineage.runs import LineageRun, child_env

if TYPE_CHECKING:
    from otel_lineage.runtime import configure, flush, install

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "DatasetLike",
    "LineageEmitter",
    "LineageRun",
    "RunBlock",
    "RunRef",
    "SpanIds",
    "attach",
    "child_env",
    "configure",
    "current_run",
    "flush",
    "install",
    "job_namespace",
    "lineage_run",
    "run_id_of",
    "wrap",
]

_LATE = frozenset({"configure", "flush", "install"})


def __getattr__(name: str) -> Any:
    """Load what needs the SDK and protobuf when it is asked for, so that the import costs little."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from otel_lineage import runtime

    return getattr(runtime, name)
