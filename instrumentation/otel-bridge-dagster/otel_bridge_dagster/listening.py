"""Generators of Dagster's that are listened to: each of their steps runs in our context, and its caller's stays as it is."""

from collections.abc import Callable, Generator
from typing import Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from otel_lineage.trouble import guarded


class Listener(Protocol):
    """What hears a generator. None of the methods may raise."""

    def context(self) -> Context:
        """The context to begin in."""

    def event(self, event: Any) -> None:
        """Something that it yields, before its caller gets it."""

    def end(self, error: BaseException | None) -> None:
        """It is over, by the exception that leaves it, if any."""


def listened(generator: Any, listener: Listener) -> Generator[Any, Any, Any]:
    """The generator as it is. What it attaches across a yield is there again when it goes on."""
    context = listener.context()
    step: Callable[[], Any] = generator.__next__
    try:
        while True:
            token = _attach(context)
            try:
                event = step()
            except StopIteration as end:
                result = end.value
                break
            finally:
                context = otel_context.get_current()
                _detach(token)
            listener.event(event)
            step = generator.__next__
            try:
                sent = yield event
                if sent is not None:
                    step = _sending(generator, sent)
            except GeneratorExit:
                _closing(generator, context)
                raise
            except BaseException as error:  # noqa: BLE001  its caller throws it into the generator
                step = _throwing(generator, error)
    except BaseException as error:
        listener.end(error)
        raise
    listener.end(None)
    return result


def _sending(generator: Any, value: Any) -> Callable[[], Any]:
    return lambda: generator.send(value)


def _throwing(generator: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: generator.throw(error)


def _closing(generator: Any, context: Context) -> None:
    token = _attach(context)
    try:
        generator.close()
    finally:
        _detach(token)


@guarded("entering a context", fallback=None)
def _attach(context: Context) -> Any:
    return otel_context.attach(context)


@guarded("leaving a context", fallback=None)
def _detach(token: Any) -> None:
    if token is not None:
        otel_context.detach(token)
