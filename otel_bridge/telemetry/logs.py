"""How the bridge logs: to stderr, secrets masked, tracebacks without the values of variables."""

import contextlib
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from functools import partial
from types import TracebackType
from typing import Any, TextIO, cast

import msgspec
import structlog

from otel_bridge.redaction import Redactor
from otel_bridge.settings import Log, Secret


def configure_logging(settings: Log, redact: Redactor | None = None) -> None:
    """Write to stderr, as text or one JSON object a line; secrets are masked in both.

    Args:
        settings: level and form.
        redact: knows the secrets of the configuration, which are masked in whatever text they turn up.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    render: Any = structlog.processors.JSONRenderer(_json)
    if settings.format == "text":
        # The default would show local variables where `rich` is installed, and with them secrets.
        plain = structlog.dev.plain_traceback
        render = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            partial(_mask, redact or Redactor(())),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _FromLibraries)] + [_FromLibraries()]


def log_uncaught() -> None:
    """From now on what ends this process, or a thread of it, is a line of the log."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, SystemExit | KeyboardInterrupt) and error is not None:
        structlog.get_logger().critical("uncaught_exception", exc_info=(kind, error, trace))


class _FromLibraries(logging.Handler):
    """What libraries log, from warnings on, becomes lines like ours, so that `format: json` means every line."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level, text = min(record.levelno // 10 * 10, logging.CRITICAL), record.getMessage()
            structlog.get_logger().log(level, text, logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - a bad log call of a library stops nothing
            self.handleError(record)


class _Stderr:
    """A line that can't be written (a full disk, a closed pipe) is lost and stops nothing else."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def _mask(
    redact: Redactor, logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: _masked(value, redact) for key, value in event.items()}


def _masked(value: Any, redact: Redactor) -> Any:
    """A Secret is a str, so that a renderer could print it: replace it, at any depth."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _masked(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, redact) for item in value]
    return redact(str(value))


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
