"""What exists once per process: settings, open runs, the exporter, and the hooks at fork, SIGTERM and exit.

It is made at first use, or by `configure`, and lives on the global SDK tracer provider if there is one,
else on a private provider that nobody else sees.
"""

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

from otel_lineage import __version__ as VERSION  # noqa: N812
from otel_lineage import attributes as at
from otel_lineage.carriers import Incoming
from otel_lineage.encoding import SCOPE, Encoder
from otel_lineage.exporter import Exporter
from otel_lineage.ids import giving_ids
from otel_lineage.loops import in_event_loop
from otel_lineage.registry import OpenRun, OpenRuns
from otel_lineage.sampler import LineageSampler
from otel_lineage.settings import Settings
from otel_lineage.trouble import guarded, warn_once

OPTIONS = {
    "endpoint": "OTEL_LINEAGE_ENDPOINT",
    "protocol": "OTEL_LINEAGE_PROTOCOL",
    "headers": "OTEL_LINEAGE_HEADERS",
    "job_namespace": "OTEL_LINEAGE_JOB_NAMESPACE",
    "heartbeat_interval": "OTEL_LINEAGE_HEARTBEAT_INTERVAL",
    "flush_timeout": "OTEL_LINEAGE_FLUSH_TIMEOUT",
    "spool_dir": "OTEL_LINEAGE_SPOOL_DIR",
    "spool_max_bytes": "OTEL_LINEAGE_SPOOL_MAX_BYTES",
    "spool_max_age": "OTEL_LINEAGE_SPOOL_MAX_AGE",
    "sigterm": "OTEL_LINEAGE_SIGTERM",
    "disabled": "OTEL_LINEAGE_DISABLED",
}

WAIT_EVERY_S = 1.0
WAIT_SHARE = 0.01

_runs = OpenRuns()
_installed: "weakref.WeakSet[TracerProvider]" = weakref.WeakSet()
_making = threading.RLock()
_current: "Runtime | None" = None
_of_parents: "list[Exporter]" = []


class _Forking(threading.local):
    """What the hook before a fork holds in this thread, for the hooks after it to let go of."""

    mask: "set[int | signal.Signals] | None" = None
    exporter: "Exporter | None" = None


_forking = _Forking()


class Runtime:
    """See the module."""

    def __init__(self, settings: Settings, provider: TracerProvider | None = None) -> None:
        self.settings = settings
        self.incoming = Incoming.read(os.environ)
        self.runs = _runs
        self.exporter = Exporter(settings, self._heartbeats)
        self.waits = True
        self.wait_after = 0.0
        self.waited_s = self.waited_until = 0.0
        self._given = provider
        self._private: TracerProvider | None = None
        self._tracers: weakref.WeakKeyDictionary[TracerProvider, trace.Tracer] = weakref.WeakKeyDictionary()
        self._encoders: dict[int, Encoder] = {}

    def provider(self) -> TracerProvider:
        """The tracer provider that runs are made on, with our processor and sampler on it."""
        chosen = self._given or trace.get_tracer_provider()
        if not isinstance(chosen, TracerProvider):
            chosen = self._private or self._make_private()
        _install(chosen)
        return chosen

    def tracer(self) -> trace.Tracer:
        """The tracer that runs are made with."""
        provider = self.provider()
        tracer = self._tracers.get(provider)
        if tracer is None:
            tracer = self._tracers[provider] = giving_ids(provider.get_tracer(SCOPE, VERSION))
        return tracer

    def export_start(self, span: Span, attributes: Mapping[str, Any]) -> None:
        """Send START, and heartbeats from now on."""
        values = dict(attributes)
        if self.settings.heartbeat_s:
            values[at.HEARTBEAT_INTERVAL] = self.settings.heartbeat_s
        if span.parent is not None:
            values[at.PARENT_SPAN_ID] = f"{span.parent.span_id:016x}"
        event = self.encoder(span.resource).event(
            at.EVENT_RUN_START, values, span=span.get_span_context(), at_ns=span.start_time
        )
        self.exporter.put("logs", event)
        self.exporter.watch()

    def export_span(self, span: ReadableSpan, exact: Mapping[str, Any], *, alone: bool) -> None:
        """Send an ended run span; `alone`: nobody else does."""
        self.exporter.put("traces", self.encoder(span.resource).span(span, exact, alone=alone))

    def export_event(self, name: str, attributes: Mapping[str, Any], at_ns: int | None = None) -> None:
        """Send a log event that belongs to no run."""
        encoder = self.encoder(self.provider().resource)
        self.exporter.put("logs", encoder.event(name, attributes, at_ns=at_ns))

    def encoder(self, resource: Resource) -> Encoder:
        """That of a resource, made once."""
        known = self._encoders.get(id(resource))
        if known is None or known.resource is not resource:
            known = self._encoders[id(resource)] = Encoder(resource, VERSION)
        return known

    def outermost_ended(self) -> None:
        """Wait until the Collector has what was said so far, now and then.

        What waits is on disk and the exit waits anyway: this is for processes that are killed with their disk.
        Short runs after each other must not pay for it, so at most 1 % of the time goes into it.
        """
        begun = time.monotonic()
        if not self.waits or begun < self.wait_after or in_event_loop():
            return
        self.exporter.flush(self.settings.flush_s)
        self.waited_until = ended = time.monotonic()
        self.waited_s = ended - begun
        self.wait_after = ended + max(WAIT_EVERY_S, (ended - begun) / WAIT_SHARE)

    def exit_s(self) -> float:
        """How long the exit may still wait: what was waited just before counts, so that both stay within the limit."""
        owed = self.waited_s - (time.monotonic() - self.waited_until)
        return self.settings.flush_s - max(owed, 0.0)

    @guarded("aborting open runs", fallback=None)
    def abort(self, reason: str, *, foreign: bool) -> None:
        """End what is still open, because the process ends; the caller flushes."""
        self.waits = False
        for run in self.runs.ours():
            handle = run.handle() if run.handle is not None else None
            if handle is not None:
                handle.abort(reason)
            elif foreign and (span := run.span()) is not None:
                _abort_span(span, reason)

    def _make_private(self) -> TracerProvider:
        with _numbers_kept():
            self._private = TracerProvider(shutdown_on_exit=False)
        return self._private

    def _heartbeats(self) -> bytes | None:
        beats = [self._heartbeat(run, span) for run in self.runs.ours() if (span := run.span()) is not None]
        return b"".join(beats) or None

    def _heartbeat(self, run: OpenRun, span: Span) -> bytes:
        values = {
            at.RUN_ID: run.ref.run_id,
            at.JOB_NAMESPACE: run.ref.namespace,
            at.JOB_NAME: run.ref.name,
            at.HEARTBEAT_INTERVAL: self.settings.heartbeat_s,
        }
        return self.encoder(span.resource).event(at.EVENT_RUN_HEARTBEAT, values, span=span.get_span_context())


@contextmanager
def _numbers_kept() -> Iterator[None]:
    """The SDK looks for its resource in a pool of threads: those of the program keep the numbers in their names."""
    pool: Any = ThreadPoolExecutor
    numbers = getattr(pool, "_counter", None)
    if numbers is None:
        yield
        return
    pool._counter = count(1_000_000).__next__
    try:
        yield
    finally:
        pool._counter = numbers


def current() -> Runtime | None:
    """The runtime, if there is one."""
    return _current


def runtime() -> Runtime:
    """The runtime, made from the environment if there is none yet."""
    return _current or _make(Settings.read(os.environ), None)


@guarded("configuring", fallback=None)
def configure(*, tracer_provider: TracerProvider | None = None, **options: Any) -> None:
    """Set lineage up explicitly; what is not given comes from the environment. Again: replaces the former.

    Args:
        tracer_provider: the provider to make runs on; default the global one, or a private one.
        **options: `endpoint`, `protocol`, `headers` (map or text), `job_namespace`, `heartbeat_interval`,
            `flush_timeout`, `spool_dir`, `spool_max_bytes`, `spool_max_age`, `sigterm`, `disabled`: as the
            variables of these names.
    """
    env = dict(os.environ)
    for name, value in options.items():
        if name not in OPTIONS:
            warn_once(f"option {name}", "otel-lineage: no option %r; known: %s", name, ", ".join(OPTIONS))
        elif value is not None:
            env[OPTIONS[name]] = _env_text(value)
    made = _make(Settings.read(env), tracer_provider)
    if not made.settings.disabled:
        made.provider()


def flush(timeout: float | None = None) -> bool:
    """Try to send all lineage now, at most so many seconds; False if something is still waiting."""
    if _current is None:
        return True
    return _current.exporter.flush(_current.settings.flush_s if timeout is None else timeout)


@guarded("installing", fallback=None)
def install(provider: TracerProvider) -> None:
    """Let spans of this tracer provider be runs, too; the global one needs no call."""
    if not runtime().settings.disabled:
        _install(provider)


@guarded("installing", fallback=None)
def _install(provider: TracerProvider) -> None:
    """Put our processor and sampler on a tracer provider, once."""
    if provider in _installed:
        return
    with _making:
        if provider in _installed:
            return
        _installed.add(provider)
        from otel_lineage.processor import LineageSpanProcessor  # it imports this module

        private = _current is not None and provider is _current._private
        provider.add_span_processor(LineageSpanProcessor(alone=private))
        provider.sampler = LineageSampler(provider.sampler, _runs)
        for tracer in list(getattr(provider, "_tracers", {}).values()):
            tracer.sampler = provider.sampler


def _make(settings: Settings, provider: TracerProvider | None) -> Runtime:
    global _current  # noqa: PLW0603  the one runtime of the process
    with _making:
        former = _current
        if former is not None and former.settings == settings and provider is None:
            return former
        made = Runtime(settings, provider)
        if former is None:
            _hook_process()
        _current = made
    if former is not None:
        former.exporter.flush(former.settings.flush_s)
        former.exporter.close()
    hook_sigterm(made)
    return made


def _env_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return str(value)


def _abort_span(span: Span, reason: str) -> None:
    span.set_attribute(at.RUN_STATE, "ABORT")
    span.set_status(trace.Status(trace.StatusCode.ERROR, reason))
    span.end()


def _hook_process() -> None:
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


@guarded("exit", fallback=None)
def _at_exit() -> None:
    if _current is None:
        return
    _current.abort("the process ended while the run was open", foreign=False)
    _current.exporter.flush(_current.exit_s(), adopt=True)
    _current.exporter.close()


@guarded("fork", fallback=None)
def _before_fork() -> None:
    """Note what the other hooks undo: another thread may configure, or fork, meanwhile."""
    _forking.mask = _hold_sigterm()
    exporter = None if _current is None else _current.exporter
    _forking.exporter = exporter if exporter is not None and exporter.before_fork() else None


@guarded("fork", fallback=None)
def _after_fork_in_parent() -> None:
    exporter, _forking.exporter = _forking.exporter, None
    if exporter is not None:
        exporter.after_fork_in_parent()
    _release_sigterm(_forking.mask)


@guarded("fork", fallback=None)
def _after_fork_in_child() -> None:
    global _making  # noqa: PLW0603  another thread of the parent may have held it
    _making = threading.RLock()
    try:
        if _forking.mask is not None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    finally:
        _release_sigterm(_forking.mask)
    if _current is not None:
        _current.exporter.abandon()
        _of_parents.append(_current.exporter)  # its connections are the parent's
        _current.wait_after = 0.0
        _current.exporter = Exporter(_current.settings, _current._heartbeats)


def _hold_sigterm() -> "set[int | signal.Signals] | None":
    """If SIGTERM is ours, block it for the fork, and say what was blocked before.

    A forked child gets the default action back: pools end their workers by SIGTERM and then wait for them, and
    a Python handler can come too late or never in a process that has just been forked or blocks in C code. One
    that is sent before the child has got it must stay pending; Python forgets those that it has noted.
    """
    if signal.getsignal(signal.SIGTERM) is not _on_sigterm:
        return None
    return signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _release_sigterm(mask: "set[int | signal.Signals] | None") -> None:
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@guarded("handling SIGTERM", fallback=None)
def hook_sigterm(runtime: Runtime) -> None:
    """Flush on SIGTERM, if the program leaves it to the default action and we are in the main thread.

    Not in workers of multiprocessing: see `_hold_sigterm`.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if (
        in_main
        and not _is_worker()
        and runtime.settings.sigterm
        and not runtime.settings.disabled
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _on_sigterm)


def _is_worker() -> bool:
    """Whether multiprocessing started this process."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None


def _on_sigterm(number: int, frame: object) -> None:
    """End open runs and flush, in a thread because this one may hold a lock; then take the default action."""
    try:
        if _current is not None:
            worker = threading.Thread(target=_terminate, args=(_current,), daemon=True)
            worker.start()
            worker.join(_current.settings.flush_s)
    finally:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _terminate(runtime: Runtime) -> None:
    runtime.abort("the process was terminated by SIGTERM", foreign=True)
    runtime.exporter.flush(runtime.settings.flush_s)
