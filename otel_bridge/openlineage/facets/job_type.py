"""jobType: what kind of job it is, of which integration."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import shown, text
from otel_bridge.openlineage.shapes import Maybe, Part, Positive, Shape

KEY: Final = "jobType"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("JobTypeJobFacet", "2-0-4")
VALUES: Final[dict[str, str]] = {
    "type": convention.JOB_TYPE,
    "integration": convention.JOB_INTEGRATION,
    "processing_type": convention.JOB_PROCESSING_TYPE,
}
EXAMPLE: Final = {"type": "MODEL", "integration": "DBT"}

ALWAYS: Final = True
"""Written for every run, with defaults: consumers refuse events without it."""


class EmissionPattern(Part, frozen=True, kw_only=True, rename="camel"):
    """When events come, and whether each has everything."""

    event_trigger: str
    event_content_mode: str
    window_duration: Positive | Maybe = UNSET


class JobType(Shape, frozen=True, kw_only=True):
    """`processing_type`: BATCH, STREAMING or SERVICE."""

    processing_type: str
    integration: str
    job_type: str | Maybe = UNSET
    emission_pattern: EmissionPattern | Maybe = UNSET


SHAPE: Final = JobType


def build(values: Mapping[str, Value]) -> JobType:
    """From three texts; without them a batch JOB of OPENTELEMETRY: Marquez refuses events without a type."""
    processing = text(values.get("processing_type", "BATCH"), "the processing type").upper()
    if processing not in {"BATCH", "STREAMING", "SERVICE"}:
        raise LeftOut(f"the processing type must be BATCH, STREAMING or SERVICE, not {shown(processing)}")
    return JobType(
        processing_type=processing,
        integration=text(values.get("integration", "OPENTELEMETRY"), "the integration"),
        job_type=text(values.get("type", "JOB"), "the job type"),
    )
