"""The run in the OpenTelemetry context: put there, found again, and taken along into threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from typing_extensions import ParamSpec

from otel_lineage.identity import RunRef

if TYPE_CHECKING:
    from otel_lineage.runs import LineageRun

P = ParamSpec("P")
R = TypeVar("R")

REF = otel_context.create_key("otel-lineage-run-ref")
RUN = otel_context.create_key("otel-lineage-run")
EXACT = otel_context.create_key("otel-lineage-exact")
"""In the context that a run's span is started with: its attributes, which span limits may cut on the span."""
DETAIL = otel_context.create_key("otel-lineage-io-detail")
"""In the context of a span of I/O: what is done inside is how it is done, and no further I/O of the run."""


def ref_in(context: Context | None = None) -> RunRef | None:
    """The run that the context was made in, as our own blocks and carriers note it."""
    value = otel_context.get_value(REF, context)
    return value if isinstance(value, RunRef) else None


def current_run() -> "LineageRun | None":
    """The run of the innermost `lineage_run` block around the caller, or None."""
    from otel_lineage.runs import LineageRun  # runs imports this module

    value = otel_context.get_value(RUN)
    return value if isinstance(value, LineageRun) else None


@contextmanager
def attach(context: Context) -> Iterator[None]:
    """Make a context current for a block, for instance `run.context()` in another thread."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


class Carried(Generic[P, R]):
    """A function that runs in the context in which it was wrapped; pickled, it takes trace and run along."""

    def __init__(self, function: Callable[P, R], context: Context) -> None:
        self.function = function
        self.context = context

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function with the context attached."""
        with attach(self.context):
            return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        from otel_lineage.carriers import carry  # carriers imports this module

        return _uncarried, (self.function, carry({}, self.context))


def wrap(function: Callable[P, R], context: Context | None = None) -> Carried[P, R]:
    """Bind a function to the current (or the given) context: for threads, pools and spawned processes."""
    return Carried(function, otel_context.get_current() if context is None else context)


def _uncarried(function: Callable[P, R], carrier: dict[str, str]) -> Carried[P, R]:
    from otel_lineage.carriers import Incoming

    return Carried(function, Incoming.read(carrier).context())
