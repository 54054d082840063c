"""Spans about Iceberg tables: inside a run they are its input and output, alone they are runs."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from otel_bridge import convention
from otel_bridge.extract.datasets import unite
from otel_bridge.extract.dialect import Io
from otel_bridge.extract.dialects.bridge import Bridge
from otel_bridge.extract.dialects.iceberg import attributes as names_of
from otel_bridge.extract.dialects.iceberg.datasets import read_and_written
from otel_bridge.extract.dialects.iceberg.facts import Told, told_of
from otel_bridge.extract.dialects.iceberg.naming import table_name
from otel_bridge.extract.values import Attributes, run_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import (
    Dataset,
    Evidence,
    IoObserved,
    Observation,
    RunObserved,
    Span,
    SpanRef,
    Status,
)
from otel_bridge.namespaces import Namespaces

FIGURES: Final = ("iceberg.scan.", "iceberg.commit.")
TABLE: Final = (names_of.TABLE_NAME, names_of.TABLE_LOCATION)
INTEGRATION: Final = "ICEBERG"
JOB_TYPE: Final = "TASK"


class Iceberg(Io):
    """The dialect of `iceberg.*`."""

    name = "iceberg"
    markers = (b"iceberg.operation", b"iceberg.table.")

    def __init__(self) -> None:
        self._runs = Bridge()

    def claims(self, span: Span) -> bool:
        """A span that says what was done to a table, or has figures of a scan or commit, and is no cut copy."""
        said = span.attributes
        if said.get(convention.EXPORT) == convention.EXPORT_PARTIAL:
            return False
        if said.get(names_of.OPERATION):
            return True
        return any(said.get(name) for name in TABLE) and any(key.startswith(FIGURES) for key in said)

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """What was read and written: by the run that the span is, or by the one around."""
        attributes = Attributes(span.attributes)
        told = told_of(span.attributes, attributes)
        failed = span.status is Status.ERROR
        inputs, outputs = read_and_written(told, attributes, failed=failed)
        evidence = Evidence(span.trace_id, span.span_id, f"{self.name}.{told.operation}")
        notes = tuple(attributes.omissions)
        if self._runs.claims(span):
            for said in self._runs.extract(span, names, wanted):
                run = isinstance(said, RunObserved)
                yield _with(said, evidence, told, inputs, outputs) if run else said  # type: ignore[arg-type]
            return
        yield IoObserved(
            evidence=evidence,
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            at_ns=span.end_ns,
            enclosing_run_id=attributes.read(convention.RUN_ID, run_id),
            inputs=inputs,
            outputs=outputs,
            alone=self._alone(span, names, wanted, evidence, told, inputs, outputs),
            omissions=notes,
        )

    def _alone(
        self,
        span: Span,
        names: Namespaces,
        wanted: Wanted,
        evidence: Evidence,
        told: Told,
        inputs: tuple[Dataset, ...],
        outputs: tuple[Dataset, ...],
    ) -> RunObserved | None:
        """The run that the span is where there is none around."""
        job = {
            convention.JOB_NAME: f"iceberg.{told.operation}.{table_name(told, told.table_name) or told.table_location or 'table'}",
            convention.JOB_TYPE: JOB_TYPE,
            convention.JOB_INTEGRATION: INTEGRATION,
        }
        attributes = {k: v for k, v in span.attributes.items() if k != convention.RUN_ID}
        for said in self._runs.extract(replace(span, attributes={**job, **attributes}), names, wanted):
            if isinstance(said, RunObserved):
                return _with(said, evidence, told, inputs, outputs)
        return None


def _with(
    run: RunObserved,
    evidence: Evidence,
    told: Told,
    inputs: tuple[Dataset, ...],
    outputs: tuple[Dataset, ...],
) -> RunObserved:
    engine = {"name": told.engine_name, "version": told.engine_version}
    processing = {"processing_engine": engine} if all(engine.values()) else {}
    return replace(
        run,
        evidence=evidence,
        inputs=unite((*inputs, *run.inputs)),
        outputs=unite((*outputs, *run.outputs)),
        run_values={**processing, **run.run_values},
    )
