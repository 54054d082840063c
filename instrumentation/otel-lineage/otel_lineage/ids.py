"""Spans with ids that were given: what several processes tell of one run must agree without a word between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.sdk.trace.id_generator import IdGenerator

from otel_lineage.identity import SpanIds

_given: ContextVar[SpanIds | None] = ContextVar("otel-lineage-given-ids", default=None)


class GivenIds(IdGenerator):
    """Gives what `giving` says, and otherwise what the provider's generator makes."""

    def __init__(self, other: IdGenerator) -> None:
        self._other = other

    def generate_span_id(self) -> int:
        """The given one, or a new one."""
        given = _given.get()
        return given.span_id if given and given.span_id else self._other.generate_span_id()

    def generate_trace_id(self) -> int:
        """The given one, or a new one."""
        given = _given.get()
        return given.trace_id if given and given.trace_id else self._other.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """W3C's random flag: not with a given id."""
        given, theirs = _given.get(), getattr(self._other, "is_trace_id_random", None)
        return not (given and given.trace_id) and bool(theirs and theirs())


def giving_ids(tracer: Any) -> Any:
    """The tracer, which is ours alone, with this generator."""
    if isinstance(getattr(tracer, "id_generator", None), IdGenerator):
        tracer.id_generator = GivenIds(tracer.id_generator)
    return tracer


@contextmanager
def giving(ids: SpanIds | None) -> Iterator[None]:
    """Spans that are started in the block have these ids."""
    token = _given.set(ids)
    try:
        yield
    finally:
        _given.reset(token)
