"""gcp_composer_run: a run of Google Cloud Composer."""

from typing import Final

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "gcp_composer_run"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("GcpComposerRunFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"dagRunId": "scheduled__2026-11-24"}


class GcpComposerRun(Shape, frozen=True, kw_only=True):
    """The DAG run."""

    dag_run_id: str


SHAPE: Final = GcpComposerRun
