"""Whether reads and writes are told at all, from the environment. Nothing heavy is imported to find out."""

import os
import sys
from collections.abc import Mapping

SWITCHES = (
    "OTEL_BRIDGE_ICEBERG_DISABLED",
    "OTEL_BRIDGE_DISABLED",
    "OTEL_LINEAGE_DISABLED",
    "OTEL_SDK_DISABLED",
)
ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_LINEAGE_ENDPOINT",
)
NAME = "otel_bridge_pyiceberg"
"""In `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`."""
SNAPSHOT_IDS = "OTEL_BRIDGE_ICEBERG_SNAPSHOT_IDS"


def enabled(env: Mapping[str, str] = os.environ) -> bool:
    """Unless it is switched off, whenever somebody would hear it.

    >>> enabled({}), enabled({"OTEL_LINEAGE_ENDPOINT": "http://127.0.0.1:4318"})
    (False, True)
    >>> enabled({"OTEL_LINEAGE_ENDPOINT": "x", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, otel_bridge_pyiceberg"})
    False
    """
    if any(_is_on(env.get(name, "")) for name in SWITCHES):
        return False
    if NAME in (env.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS") or "").replace(" ", "").split(","):
        return False
    return any(env.get(name, "").strip() for name in ENDPOINTS) or program_exports()


def snapshot_ids(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the ids of trace and run go into the summary of each snapshot."""
    return _is_on(env.get(SNAPSHOT_IDS, ""))


def program_exports() -> bool:
    """Whether the program has set up the OpenTelemetry SDK."""
    sdk = sys.modules.get("opentelemetry.sdk.trace")
    if sdk is None:
        return False
    from opentelemetry import trace

    return isinstance(trace.get_tracer_provider(), sdk.TracerProvider)


def _is_on(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}
