"""gcp_composer_job: a job of Google Cloud Composer."""

from typing import Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "gcp_composer_job"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("GcpComposerJobFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {
    "environmentName": "prod",
    "dagId": "daily",
    "airflowVersion": "2.10.5",
    "composerVersion": "3",
}


class GcpComposerJob(Shape, frozen=True, kw_only=True):
    """The DAG and task, and the versions that run them."""

    environment_name: str
    dag_id: str
    airflow_version: str
    composer_version: str
    operator: str | Maybe = UNSET
    task_id: str | Maybe = UNSET


SHAPE: Final = GcpComposerJob
