"""The facets that the bridge knows: one module each, all of the same shape, listed here.

A module has

- `KEY` and `SLOT`: where its facet stands; `SCHEMA_URL`: what it conforms to;
- `SHAPE`: the official shape, for checking facets that are given in it;
- `VALUES`: the short forms that it is built from, with the attribute or the key of a dataset map of each, and
  `build(values)`, which raises `LeftOut` for values that it can't be built from. Empty for facets that are
  passed on but have no short form;
- `EXAMPLE`: values for the documents and the tests; without short form, the facet itself;
- optionally `ALWAYS`: built for every run, without any value too; `adapt(given)`: a last word on given
  facets, such as masking; `merge(given, built)`: for lists that short forms add to.

To add one, copy the module that is most like it and add it to `MODULES`; the tests ask for the rest.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import msgspec

from otel_bridge.model import Value
from otel_bridge.openlineage.core import SLOTS_OF, Position
from otel_bridge.openlineage.facets import (
    dataset_catalog,
    dataset_column_lineage,
    dataset_data_quality_metrics,
    dataset_datasource,
    dataset_documentation,
    dataset_hierarchy,
    dataset_lifecycle_state_change,
    dataset_lineage,
    dataset_ownership,
    dataset_schema,
    dataset_storage,
    dataset_symlinks,
    dataset_tags,
    dataset_type,
    dataset_version,
    input_data_quality_assertions,
    input_data_quality_metrics,
    input_iceberg_scan_report,
    input_statistics,
    input_subset,
    job_documentation,
    job_gcp_composer,
    job_gcp_lineage,
    job_lineage,
    job_ownership,
    job_source_code,
    job_source_code_location,
    job_sql,
    job_tags,
    job_type,
    output_iceberg_commit_report,
    output_statistics,
    output_subset,
    run_environment_variables,
    run_error_message,
    run_execution_parameters,
    run_external_query,
    run_extraction_error,
    run_gcp_composer,
    run_gcp_dataproc,
    run_job_dependencies,
    run_nominal_time,
    run_otel_trace,
    run_parent,
    run_processing_engine,
    run_tags,
    run_tests,
)
from otel_bridge.openlineage.shapes import Shape, decoder
from otel_bridge.settings import Slot

MODULES: Final[tuple[ModuleType, ...]] = (
    run_environment_variables,
    run_error_message,
    run_execution_parameters,
    run_external_query,
    run_extraction_error,
    run_gcp_composer,
    run_gcp_dataproc,
    run_job_dependencies,
    run_nominal_time,
    run_otel_trace,
    run_parent,
    run_processing_engine,
    run_tags,
    run_tests,
    job_documentation,
    job_gcp_composer,
    job_gcp_lineage,
    job_lineage,
    job_ownership,
    job_source_code,
    job_source_code_location,
    job_sql,
    job_tags,
    job_type,
    dataset_catalog,
    dataset_column_lineage,
    dataset_data_quality_metrics,
    dataset_datasource,
    dataset_documentation,
    dataset_hierarchy,
    dataset_lifecycle_state_change,
    dataset_lineage,
    dataset_ownership,
    dataset_schema,
    dataset_storage,
    dataset_symlinks,
    dataset_tags,
    dataset_type,
    dataset_version,
    input_data_quality_assertions,
    input_data_quality_metrics,
    input_iceberg_scan_report,
    input_statistics,
    input_subset,
    output_iceberg_commit_report,
    output_statistics,
    output_subset,
)


class Facet(msgspec.Struct, frozen=True):
    """A facet module as a value."""

    key: str
    slot: Slot
    schema_url: str
    values: dict[str, str]
    example: dict[str, Any]
    decode: Callable[[bytes], Shape]
    build: Callable[[Mapping[str, Value]], Shape] | None
    always: bool
    adapt: Callable[[Mapping[str, Any]], dict[str, Any]] | None
    merge: Callable[[Mapping[str, Any], Shape], dict[str, Any]] | None

    @classmethod
    def of(cls, module: ModuleType) -> "Facet":
        """The module's constants and functions."""
        return cls(
            key=module.KEY,
            slot=module.SLOT,
            schema_url=module.SCHEMA_URL,
            values=module.VALUES,
            example=module.EXAMPLE,
            decode=decoder(module.SHAPE).decode,
            build=getattr(module, "build", None),
            always=getattr(module, "ALWAYS", False),
            adapt=getattr(module, "adapt", None),
            merge=getattr(module, "merge", None),
        )


FACETS: Final = tuple(Facet.of(module) for module in MODULES)


def _claims(position: Position) -> dict[str, Facet]:
    """Short form -> facet at this position; the first slot of the position goes first."""
    slots = SLOTS_OF[position]
    found: dict[str, Facet] = {}
    for facet in sorted((f for f in FACETS if f.slot in slots), key=lambda f: slots.index(f.slot)):
        for name in facet.values:
            found.setdefault(name, facet)
    return found


BY_KEY: Final[dict[tuple[Slot, str], Facet]] = {(f.slot, f.key): f for f in FACETS}
DATASET_VALUES: Final[dict[Position, dict[str, Facet]]] = {
    position: _claims(position) for position in ("input", "output", "static dataset")
}
"""What becomes of each key of a dataset map, by the dataset's role."""
RUN_FACETS: Final = tuple(f for f in FACETS if f.slot == "run" and f.build)
JOB_FACETS: Final = tuple(f for f in FACETS if f.slot == "job" and f.build)
