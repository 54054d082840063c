"""lineage facets: explicit edges between datasets and jobs (experimental in OpenLineage)."""

from msgspec import UNSET

from otel_bridge.openlineage.shapes import Maybe, Part, Uuid


class Transformation(Part, frozen=True, kw_only=True):
    """How the source becomes the target."""

    type: str
    subtype: str | Maybe = UNSET
    description: str | Maybe = UNSET
    masking: bool | Maybe = UNSET


class FromDataset(Part, frozen=True, kw_only=True, tag="DATASET"):
    """An edge from a dataset or one of its fields."""

    namespace: str
    name: str
    field: str | Maybe = UNSET
    transformations: list[Transformation] | Maybe = UNSET


class _NamedJob(Part, frozen=True, kw_only=True, rename="camel", tag="JOB"):
    namespace: str | Maybe = UNSET
    name: str | Maybe = UNSET
    run_id: Uuid | Maybe = UNSET

    def __post_init__(self) -> None:
        if (self.namespace is UNSET) != (self.name is UNSET):
            raise ValueError("Expected both `namespace` and `name`, or neither")


class FromJob(_NamedJob, frozen=True, kw_only=True, tag="JOB"):
    """An edge from a job; without a name, from the job of the event."""

    transformations: list[Transformation] | Maybe = UNSET


class FieldEdges(Part, frozen=True, kw_only=True):
    """Edges to one field."""

    inputs: list[FromDataset | FromJob]


class ToDataset(Part, frozen=True, kw_only=True, tag="DATASET"):
    """Edges to a dataset and its fields."""

    namespace: str
    name: str
    inputs: list[FromDataset | FromJob] | Maybe = UNSET
    fields: dict[str, FieldEdges] | Maybe = UNSET


class ToJob(_NamedJob, frozen=True, kw_only=True, tag="JOB"):
    """Edges to a job."""

    inputs: list[FromDataset | FromJob] | Maybe = UNSET
