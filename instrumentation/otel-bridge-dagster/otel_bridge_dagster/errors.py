"""Errors as Dagster keeps them, told as exceptions of a span: the user's own where there is one."""

from dataclasses import dataclass
from typing import Any

from otel_lineage import LineageRun
from otel_lineage.trouble import guarded

STACK_LIMIT = 32 * 1024
MESSAGE_LIMIT = 4 * 1024
STOPS = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt", "SystemExit", "GeneratorExit"})
FRAMES_OF_DAGSTER = frozenset(
    {
        "DagsterExecutionHandleOutputError",
        "DagsterExecutionLoadInputError",
        "DagsterExecutionStepExecutionError",
        "DagsterResourceFunctionError",
        "DagsterTypeCheckError",
        "RetryRequestedFromPolicy",
        "RetryRequested",
        "DagsterSubprocessError",
    }
)


@dataclass(frozen=True)
class Failure:
    """Why something failed."""

    kind: str
    message: str
    stack: str = ""

    @property
    def is_stop(self) -> bool:
        """Whether somebody stopped it from outside."""
        return self.kind in STOPS

    @property
    def text(self) -> str:
        """In a line or a few."""
        return f"{self.kind}: {self.message}" if self.message else self.kind

    def tell(self, run: LineageRun) -> None:
        """End state of the run and the exception of its span; the caller ends it."""
        run.set_state("ABORT" if self.is_stop else "FAIL", self.text)
        values = {"exception.type": self.kind, "exception.message": self.message}
        if self.stack:
            values["exception.stacktrace"] = self.stack
        run.span.add_event("exception", values)


def of_event(event: Any) -> Failure | None:
    """Of a failure event of Dagster's, or of any that has an error."""
    data = getattr(event, "event_specific_data", None)
    error = getattr(data, "error", None)
    if error is None:
        first = getattr(data, "first_step_failure_event", None)
        if first is not None:
            return of_event(first)
        return None
    return of_info(error)


@guarded("reading an error", fallback=None)
def of_info(info: Any) -> Failure | None:
    """Of Dagster's serialized error: the cause, where the error itself only says that a step failed."""
    while info.cls_name in FRAMES_OF_DAGSTER and info.cause is not None:
        info = info.cause
    kind = str(info.cls_name or "Error")
    message = str(info.message).strip()
    full_name, _, rest = message.partition(":")
    if full_name.rpartition(".")[2] == kind:
        message = rest.strip()
    return Failure(kind, message[:MESSAGE_LIMIT], str(info.to_string())[:STACK_LIMIT])


@guarded("reading an exception", fallback=None)
def of_exception(error: BaseException | None) -> Failure | None:
    """Of an exception that leaves one of Dagster's generators."""
    if error is None:
        return None
    from traceback import format_exception

    stack = "".join(format_exception(type(error), error, error.__traceback__))
    return Failure(type(error).__name__, str(error)[:MESSAGE_LIMIT], stack[-STACK_LIMIT:])
