"""gcp_dataproc: a run on Google Cloud Dataproc."""

from typing import Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "gcp_dataproc"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("GcpDataprocRunFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"appId": "application_1", "appName": "daily", "projectId": "shop"}


class GcpDataproc(Shape, frozen=True, kw_only=True):
    """The Spark application, and what it runs in."""

    app_id: str
    app_name: str
    project_id: str
    batch_id: str | Maybe = UNSET
    batch_uuid: str | Maybe = UNSET
    cluster_name: str | Maybe = UNSET
    cluster_uuid: str | Maybe = UNSET
    job_id: str | Maybe = UNSET
    job_uuid: str | Maybe = UNSET
    query_node_name: str | Maybe = UNSET
    job_type: str | Maybe = UNSET
    session_id: str | Maybe = UNSET
    session_uuid: str | Maybe = UNSET


SHAPE: Final = GcpDataproc
