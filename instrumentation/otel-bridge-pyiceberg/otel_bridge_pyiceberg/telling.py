"""A span for what is read or written: inside the run around it, or as a run of its own where there is none."""

import functools
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.context import set_value
from otel_lineage import LineageEmitter, LineageRun
from otel_lineage import attributes as lineage
from otel_lineage.contexts import DETAIL, attach
from otel_lineage.trouble import guarded
from otel_lineage.values import to_attribute

from otel_bridge_pyiceberg import attributes as at

EMITTER = LineageEmitter(integration="ICEBERG")
JOB_TYPE = "TASK"
ENGINE = "pyiceberg"


class Telling:
    """An open span. Nothing here raises; `end` takes the exception that the program will see."""

    def __init__(self, operation: str, known: Mapping[str, Any]) -> None:
        self._around: AbstractContextManager[Any] | None = None
        self._span: Any = None
        self._run: LineageRun | None = None
        self._start(operation, {**_common(), at.OPERATION: operation, **known})

    @guarded("starting an Iceberg span", fallback=None)
    def _start(self, operation: str, known: Mapping[str, Any]) -> None:
        subject = known.get(at.TABLE_NAME) or known.get(at.TABLE_LOCATION) or "table"
        around = EMITTER.io_span(f"iceberg.{operation} {subject}", known)
        self._span = around.__enter__()
        if self._span is not None:
            self._around = around
            return
        around.__exit__(None, None, None)
        job = f"iceberg.{operation}.{subject}"
        self._run = EMITTER.start(job, job_type=JOB_TYPE, attributes=dict(known))
        self._span = self._run.span
        self._around = attach(set_value(DETAIL, True, self._run.context()))
        self._around.__enter__()

    @property
    def ids(self) -> tuple[str, str] | None:
        """Trace id, and id of the run that the span belongs to or is."""
        context = self._span.get_span_context() if self._span is not None else None
        if context is None or not context.is_valid:
            return None
        run = (
            self._run.run_id
            if self._run
            else (getattr(self._span, "attributes", None) or {}).get(lineage.RUN_ID)
        )
        return f"{context.trace_id:032x}", str(run or "")

    @guarded("describing an Iceberg span", fallback=None)
    def say(self, told: Mapping[str, Any]) -> None:
        """Attributes; None says nothing, lists and maps become JSON."""
        values = {key: value for key, value in told.items() if value is not None}
        if self._run is not None:
            for key, value in values.items():
                self._run.set_attribute(key, value)
        elif self._span is not None:
            self._span.set_attributes({key: to_attribute(value) for key, value in values.items()})

    @guarded("ending an Iceberg span", fallback=None)
    def end(self, error: BaseException | None) -> None:
        """The operation is over."""
        around, self._around = self._around, None
        if around is None:
            return
        if self._run is not None:
            around.__exit__(None, None, None)
            EMITTER.fail(self._run, error) if error is not None else EMITTER.complete(self._run)
            return
        try:
            around.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except BaseException as raised:
            if raised is not error:
                raise


@functools.cache
def _common() -> dict[str, Any]:
    """What every span says."""
    version = getattr(sys.modules.get("pyiceberg"), "__version__", None)
    return {at.CONVENTION: at.TABLE_VERSION, at.ENGINE_NAME: ENGINE, at.ENGINE_VERSION: version}
