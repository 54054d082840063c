"""jobDependencies: runs that this one waits for or triggers."""

from typing import Final

from msgspec import UNSET, field

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Uuid

KEY: Final = "jobDependencies"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("JobDependenciesRunFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {
    "upstream": [{"job": {"namespace": "prod.sales", "name": "load"}}],
    "trigger_rule": "all_success",
}


class Run(Part, frozen=True, kw_only=True, rename="camel"):
    """A run by its id."""

    run_id: Uuid


class Job(Part, frozen=True, kw_only=True):
    """A job by its name."""

    namespace: str
    name: str


class Dependency(Part, frozen=True, kw_only=True):
    """A job or run, and how it is depended on."""

    job: Job
    run: Run | Maybe = UNSET
    dependency_type: str | Maybe = UNSET
    sequence_trigger_rule: str | Maybe = UNSET
    status_trigger_rule: str | Maybe = UNSET


class JobDependencies(Shape, frozen=True, kw_only=True):
    """Before and after this run."""

    upstream: list[Dependency] | Maybe = UNSET
    downstream: list[Dependency] | Maybe = UNSET
    trigger_rule: str | Maybe = field(name="trigger_rule", default=UNSET)


SHAPE: Final = JobDependencies
