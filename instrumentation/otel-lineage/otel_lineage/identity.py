"""Who a run is: references to runs, ids derived from spans, and the default job namespace."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanContext

from otel_lineage import attributes as at

RUN_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:otel-bridge:run:v1")
ENVIRONMENT_SOURCES = ("deployment.environment.name", "deployment.environment")
DOMAIN_SOURCES = ("floe.domain", "service.namespace", "service.name")


@dataclass(frozen=True)
class RunRef:
    """A run, its job, and the topmost run above it (None: this is the topmost)."""

    run_id: str
    namespace: str
    name: str
    root: "RunRef | None" = None

    @property
    def topmost(self) -> "RunRef":
        """The root run, which is this one when nothing is above it."""
        return self.root or self


@dataclass(frozen=True)
class SpanIds:
    """The ids that a run's span is to have. `trace_id` counts only where no span is above; 0: as the SDK makes it."""

    trace_id: int
    span_id: int


def parent_attributes(parent: RunRef) -> dict[str, str]:
    """The attributes that name parent and root."""
    root = parent.topmost
    return {
        at.PARENT_RUN_ID: parent.run_id,
        at.PARENT_JOB_NAMESPACE: parent.namespace,
        at.PARENT_JOB_NAME: parent.name,
        at.ROOT_RUN_ID: root.run_id,
        at.ROOT_JOB_NAMESPACE: root.namespace,
        at.ROOT_JOB_NAME: root.name,
    }


def run_id_of(trace_id: str, span_id: str) -> str:
    """The run id that the bridge derives for a span without `openlineage.run.id`.

    Args:
        trace_id: 32 lower-case hex digits.
        span_id: 16 lower-case hex digits.

    >>> run_id_of("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    '08fdccf0-76de-5964-9a30-e617f99be514'
    """
    return str(uuid.uuid5(RUN_NAMESPACE, f"{trace_id}:{span_id}"))


def run_id_of_span(context: SpanContext) -> str:
    """`run_id_of` for a span's context."""
    return run_id_of(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def canonical_run_id(text: object) -> str | None:
    """The UUID in its canonical form, or None if it is none."""
    try:
        return str(uuid.UUID(str(text)))
    except ValueError:
        return None


def job_namespace(resource: Mapping[str, Any]) -> str:
    """`floe.{environment}.{domain}` over resource attributes, as the bridge's default template has it.

    >>> job_namespace({"deployment.environment.name": "prod", "service.name": "orders"})
    'floe.prod.orders'
    """
    environment = _first(resource, ENVIRONMENT_SOURCES) or "dev"
    domain = _first(resource, DOMAIN_SOURCES) or "default"
    return f"floe.{environment}.{domain}"


def _is_placeholder(service_name: str) -> bool:
    return service_name.startswith("unknown_service")


def _first(resource: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = str(resource.get(name) or "")
        if value and not (name == "service.name" and _is_placeholder(value)):
            return value
    return None
