"""What the environment says about telling Dagster's runs. Nothing heavy is imported to find out."""

import os
import sys
from collections.abc import Mapping

SWITCHES = (
    "OTEL_BRIDGE_DAGSTER_DISABLED",
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
INSTRUMENTATION = "otel_bridge_dagster"


def switched_on(env: Mapping[str, str] = os.environ) -> bool:
    """Unless somebody has switched it off, by our variables or by OpenTelemetry's list.

    >>> switched_on({}), switched_on({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests, otel_bridge_dagster"})
    (True, False)
    """
    listed = env.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    if INSTRUMENTATION in (name.strip() for name in listed):
        return False
    return not any(is_on(env.get(name, "")) for name in SWITCHES)


def enabled(env: Mapping[str, str] = os.environ) -> bool:
    """Switched on, and somebody would hear it.

    >>> enabled({}), enabled({"OTEL_LINEAGE_ENDPOINT": "http://127.0.0.1:4318"})
    (False, True)
    """
    if not switched_on(env):
        return False
    return any(env.get(name, "").strip() for name in ENDPOINTS) or program_exports()


def wants(name: str, env: Mapping[str, str] = os.environ) -> bool:
    """Whether something is done that is done by default: unless the variable says no."""
    text = env.get(name, "").strip()
    return not text or is_on(text)


def program_exports() -> bool:
    """Whether the program has set up the OpenTelemetry SDK."""
    sdk = sys.modules.get("opentelemetry.sdk.trace")
    if sdk is None:
        return False
    from opentelemetry import trace

    return isinstance(trace.get_tracer_provider(), sdk.TracerProvider)


def is_on(text: str) -> bool:
    """How OpenTelemetry and we read a switch."""
    return text.strip().lower() in {"1", "true", "yes", "on"}
