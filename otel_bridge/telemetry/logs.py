"""How the bridge logs: to stderr, secrets masked."""

import contextlib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import msgspec
import structlog

from otel_bridge.settings import Log, Secret


def configure_logging(settings: Log) -> None:
    """Write to stderr, as text or one JSON object a line; secrets are masked in both."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    render: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    if settings.format == "text":
        render = [structlog.dev.ConsoleRenderer(colors=False)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _mask,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _FromLibraries)] + [_FromLibraries()]


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


def _mask(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    """A Secret is a str, so that a renderer could print it: replace it, at any depth."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    return value


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
