"""Where our own trouble is told: never among Dagster's output, but in the file that OTEL_BRIDGE_DAGSTER_LOG names."""

import logging
import os
from collections.abc import Iterator

from otel_bridge_dagster import settings

FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def keep_out_of_output() -> None:
    """Once a process, before anything of ours logs."""
    file = os.environ.get("OTEL_BRIDGE_DAGSTER_LOG", "").strip()
    handler: logging.Handler = logging.NullHandler()
    if file:
        handler = logging.FileHandler(file, delay=True)
        handler.setFormatter(logging.Formatter(FORMAT))
    for logger in _loggers():
        if not logger.handlers:
            logger.addHandler(handler)
            logger.propagate = False


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger("otel_lineage")
    if not settings.program_exports():
        yield logging.getLogger("opentelemetry")  # nobody but us uses it
