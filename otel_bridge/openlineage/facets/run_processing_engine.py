"""processing_engine: what did the work."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "processing_engine"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ProcessingEngineRunFacet", "1-1-1")
VALUES: Final[dict[str, str]] = {"processing_engine": convention.PROCESSING_ENGINE}
EXAMPLE: Final = {"processing_engine": {"name": "postgres", "version": "15.4", "adapter_version": "1.9.0"}}


class ProcessingEngine(Shape, frozen=True, kw_only=True):
    """`openlineage_adapter_version`: of what reports the lineage."""

    version: str
    name: str | Maybe = UNSET
    openlineage_adapter_version: str | Maybe = UNSET


SHAPE: Final = ProcessingEngine


def build(values: Mapping[str, Value]) -> ProcessingEngine:
    """From `{name, version, adapter_version}`."""
    fields = Fields(values["processing_engine"], "the processing engine")
    return ProcessingEngine(
        version=fields.need("version"),
        name=fields.text("name"),
        openlineage_adapter_version=fields.text("adapter_version", "openlineageAdapterVersion"),
    )
