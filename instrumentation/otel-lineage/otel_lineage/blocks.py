"""`lineage_run`: a run around a block or around every call of a function."""

import contextvars
import functools
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context as otel_context

from otel_lineage.datasets import DatasetLike
from otel_lineage.identity import RunRef
from otel_lineage.loops import current_task
from otel_lineage.runs import LineageRun, RunSpec, spec_of, start_run

F = TypeVar("F", bound=Callable[..., Any])


class RunBlock:
    """What `lineage_run` returns: for `with` and `async with`, and as a decorator; each use is a run."""

    def __init__(self, make_spec: Callable[[], RunSpec | None]) -> None:
        self._make_spec = make_spec
        self._open: dict[tuple[int, int], list[tuple[LineageRun, Any]]] = {}

    def __enter__(self) -> LineageRun:
        run = start_run(self._make_spec())
        token = otel_context.attach(run.context())
        self._open.setdefault(_here(), []).append((run, token))
        return run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        here = _here()
        place = here if here in self._open else next(reversed(self._open), None)
        if place is None:
            return
        run, token = self._open[place].pop()
        if not self._open[place]:
            del self._open[place]
        if (
            place == here
        ):  # left in another task or thread than it was entered in: that one's context is not ours
            otel_context.detach(token)
        run.end(error)

    async def __aenter__(self) -> LineageRun:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Make every call of the function a run: until it returns, or its coroutine or generator ends."""
        kinds: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
            (inspect.isasyncgenfunction, self._around_async_generator),
            (inspect.iscoroutinefunction, self._around_coroutine),
            (inspect.isgeneratorfunction, self._around_generator),
        )
        around = next((around for is_kind, around in kinds if is_kind(function)), self._around_call)
        return cast(F, around(function))

    def _around_call(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call

    def _around_coroutine(self, function: Any) -> Any:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return call

    def _around_generator(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            run = start_run(self._make_spec())
            steps = contextvars.copy_context()
            steps.run(otel_context.attach, run.context())
            return (yield from _ended(run, _Steps(function(*args, **kwargs), steps)))

        return call

    def _around_async_generator(self, function: Any) -> Any:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            run = start_run(self._make_spec())
            try:
                step = functools.partial((generator := function(*args, **kwargs)).asend, None)
                while True:
                    try:
                        item = await _in_run(run, step)
                    except StopAsyncIteration:
                        break
                    try:
                        step = functools.partial(generator.asend, (yield item))
                    except GeneratorExit:
                        await generator.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001  the caller throws it into the generator
                        step = functools.partial(generator.athrow, error)
            except BaseException as error:
                run.end(error)
                raise
            run.end()

        return call


class _Steps(Generator[Any, Any, Any]):
    """A generator whose every step runs in one context of its own, so that its caller's stays as it is."""

    def __init__(self, generator: Generator[Any, Any, Any], context: contextvars.Context) -> None:
        self._generator = generator
        self._context = context

    def send(self, value: Any) -> Any:
        return self._context.run(self._generator.send, value)

    def throw(self, *error: Any) -> Any:
        return self._context.run(self._generator.throw, *error)


async def _in_run(run: LineageRun, step: Callable[[], Awaitable[Any]]) -> Any:
    token = otel_context.attach(run.context())
    try:
        return await step()
    finally:
        otel_context.detach(token)


def _ended(run: LineageRun, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    try:
        result = yield from steps
    except BaseException as error:
        run.end(error)
        raise
    run.end()
    return result


def _here() -> tuple[int, int]:
    """The thread and task, so that one block object can be open in several at once."""
    return threading.get_ident(), id(current_task())


def lineage_run(
    job: str,
    *,
    namespace: str | None = None,
    inputs: Iterable[DatasetLike] = (),
    outputs: Iterable[DatasetLike] = (),
    job_type: str | None = None,
    integration: str | None = None,
    processing_type: str | None = None,
    nominal_start: str | datetime | None = None,
    nominal_end: str | datetime | None = None,
    documentation: str | None = None,
    owners: Iterable[str | Mapping[str, Any]] = (),
    job_tags: Mapping[str, Any] | Iterable[str] = (),
    run_tags: Mapping[str, Any] | Iterable[str] = (),
    sql: str | None = None,
    sql_dialect: str | None = None,
    run_id: str | None = None,
    parent: LineageRun | RunRef | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> RunBlock:
    """A run of the job, for `with`, `async with`, or around every call of a function.

    Args:
        job: the job's name.
        namespace: the job's namespace; default `floe.{environment}.{domain}` from the resource.
        inputs: datasets that the run reads, as far as known; see DatasetLike for the forms.
        outputs: datasets that it writes.
        job_type: `TASK`, `MODEL`, `ASSET`, ...
        integration: `DBT`, `DAGSTER`, ...
        processing_type: `BATCH` (default), `STREAMING` or `SERVICE`.
        nominal_start: the time that the run is for.
        nominal_end: its end.
        documentation: what the job is.
        owners: names, or maps of `name` and `type`.
        job_tags: tags of the job.
        run_tags: tags of the run.
        sql: what it executes.
        sql_dialect: the dialect of that.
        run_id: a UUID of your own; default: derived from the span.
        parent: the parent run, if it is not the one around.
        attributes: further attributes of the span.
    """
    known = {
        "namespace": namespace,
        "job_type": job_type,
        "integration": integration,
        "processing_type": processing_type,
        "nominal_start": nominal_start,
        "nominal_end": nominal_end,
        "documentation": documentation,
        "owners": owners,
        "job_tags": job_tags,
        "run_tags": run_tags,
        "sql": sql,
        "sql_dialect": sql_dialect,
        "run_id": run_id,
        "parent": parent,
        "attributes": attributes,
    }
    return RunBlock(lambda: spec_of(job, inputs, outputs, known))
