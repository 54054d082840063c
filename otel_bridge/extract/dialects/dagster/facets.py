"""Dagster's own facets, and OpenLineage's that have no short form."""

import msgspec

from otel_bridge.extract.dialects.dagster import checks, ids, jobs
from otel_bridge.extract.dialects.dagster.facts import Asset, Kind, Partitions, Producer, Thing, Told, written
from otel_bridge.extract.values import compact
from otel_bridge.model import Value

DIRECT, IMPLICIT = "DIRECT_INVOCATION", "IMPLICIT_DEPENDENCY"
ON_FAILURE, ON_SUCCESS = "EXECUTE_ON_FAILURE", "EXECUTE_ON_SUCCESS"


def run_facets(told: Told, namespace: str, own: str) -> dict[str, Value]:
    """dagster_run, jobDependencies and, with checks, test. `own` is the job's name."""
    dependencies = _upstream(told, namespace, own)
    tests = checks.tests(told.checks)
    return compact(
        {
            "dagster_run": dagster_run(told),
            "jobDependencies": {"upstream": dependencies} if dependencies else {},
            "test": {"tests": tests} if tests else {},
        }
    )


def dagster_run(told: Told) -> dict[str, Value]:
    """Where in Dagster the run is."""
    result, in_step = told.result, told.kind is not Kind.RUN
    if not told.run_id:
        return {}
    return compact(
        {
            "run_id": told.run_id,
            "kind": told.kind.value,
            "job_name": told.job_name,
            "code_location": told.code_location,
            "repository": told.repository,
            "deployment": told.deployment,
            "url": told.run_url,
            "step_key": told.step_key,
            "op_name": told.op_name,
            "attempt": told.step_attempt if in_step else None,
            "partitions": partitions_of(told.partitions),
            "backfill_id": told.backfill_id,
            "launched_by": told.launched_by,
            "retry_of": msgspec.to_builtins(told.retry_of) if told.retry_of else {},
            "status": result.status if result else "",
            "counts": result.counts if result else {},
            "never_reached": [written(key) for key in result.never_reached] if result else [],
        }
    )


def asset_facet(thing: Thing, asset: Asset) -> dict[str, Value]:
    """The asset behind a dataset, with its definition where the run is the asset's own."""
    found = compact(
        {
            "group": asset.group,
            "kinds": list(asset.kinds),
            "code_version": asset.code_version,
            "partitioned_by": asset.partitioned_by,
            "dbt_unique_id": asset.dbt_unique_id,
            "data_version": thing.data_version,
            "format": thing.format,
            "io_manager": thing.io_manager,
            "found_by": thing.found_by,
        }
    )
    key = {"key": written(thing.asset_key)} if thing.asset_key else {}
    return {**key, **found}


def partitions_of(partitions: Partitions | None) -> dict[str, Value]:
    """As in the attributes, without what only tells how a table is partitioned."""
    if partitions is None:
        return {}
    found: dict[str, Value] = msgspec.to_builtins(partitions)
    return compact({key: value for key, value in found.items() if key != "expression"})


def _upstream(told: Told, namespace: str, own: str) -> list[dict[str, Value]]:
    before = _tried_before(told)
    retried = [_dependency(namespace, own, before, DIRECT, ON_FAILURE)] if before else []
    produced = [
        _produced(thing, thing.produced_by, told, namespace)
        for thing in told.inputs
        if thing.asset_key and thing.produced_by and thing.produced_by.run_id
    ]
    return [*retried, *(each for i, each in enumerate(produced) if each not in produced[:i])]


def _tried_before(told: Told) -> str:
    """The lineage run that this one tries again; "" for none."""
    if told.kind is Kind.ASSET:
        key, attempt = written(told.asset.key), told.step_attempt - 1
        return ids.asset_run(told.run_id, told.step_key, key, attempt) if attempt > 0 and told.run_id else ""
    return ids.run_of(told.retry_of.run_id) if told.retry_of and told.retry_of.run_id else ""


def _produced(thing: Thing, by: Producer, told: Told, namespace: str) -> dict[str, Value]:
    """The asset's job, and its run, where the span that told it shows which attempt it was."""
    asset = written(thing.asset_key)
    attempt = ids.attempt_of(by.span_id, by.run_id, by.step_key, asset) if by.span_id else None
    run = ids.asset_run(by.run_id, by.step_key, asset, attempt) if attempt else ""
    return _dependency(namespace, jobs.asset_name(told.code_location, asset), run, IMPLICIT, ON_SUCCESS)


def _dependency(namespace: str, job: str, run: str, kind: str, rule: str) -> dict[str, Value]:
    return compact(
        {
            "job": {"namespace": namespace, "name": job},
            "run": {"runId": run} if run else {},
            "dependency_type": kind,
            "sequence_trigger_rule": "FINISH_TO_START",
            "status_trigger_rule": rule,
        }
    )
