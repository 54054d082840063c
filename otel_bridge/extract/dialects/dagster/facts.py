"""What is known of a Dagster run, step or asset: the form that spans and start events are read into.

Every field has a default, "" and None standing for "not known". Names are those of convention/dagster.yaml.
"""

from enum import StrEnum
from typing import Any

import msgspec

from otel_bridge.extract.data_sources import Connection

Key = tuple[str, ...]
"""An asset key in parts."""


class Kind(StrEnum):
    """What a run is."""

    RUN = "run"
    STEP = "step"
    ASSET = "asset"


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of what is known."""


class Range(Fact, frozen=True):
    """Contiguous partition keys, both ends included."""

    first: str = ""
    last: str = ""


class Partitions(Fact, frozen=True):
    """Partitions of a run or dataset. `dimensions` is parallel to `keys`; `expression` a column, or one of each dimension."""

    keys: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    count: int | None = None
    dimensions: tuple[dict[str, Any], ...] = ()
    start: str = ""
    end: str = ""
    expression: Any = None


class Relation(Fact, frozen=True):
    """A table by the parts of its name."""

    database: str = ""
    schema: str = ""
    identifier: str = ""


class Column(Fact, frozen=True):
    """A column of a dataset."""

    name: str = ""
    type: str = ""
    description: str = ""


class Origin(Fact, frozen=True):
    """A column of another asset that a column comes from."""

    asset_key: Key = ()
    column: str = ""


class Producer(Fact, frozen=True):
    """The Dagster run that materialised an input, and the span that told of it."""

    run_id: str = ""
    step_key: str = ""
    trace_id: str = ""
    span_id: str = ""


class Thing(Fact, frozen=True):
    """A dataset as Dagster knows it: an asset, a table, a file or several of these."""

    asset_key: Key = ()
    connection: Connection = Connection()
    relation: Relation = Relation()
    location: str = ""
    found_by: str = ""
    io_manager: str = ""
    data_version: str = ""
    partitions: Partitions | None = None
    schema: tuple[Column, ...] = ()
    columns: dict[str, tuple[Origin, ...]] = {}
    row_count: int | None = None
    description: str = ""
    produced_by: Producer | None = None
    format: str = ""


class CodeSource(Fact, frozen=True):
    """Where the code of an asset is."""

    file: str = ""
    line: int | None = None
    url: str = ""


class Asset(Fact, frozen=True):
    """What the definitions say of an asset."""

    key: Key = ()
    description: str = ""
    group: str = ""
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: dict[str, Any] = {}
    code_version: str = ""
    code_source: CodeSource = CodeSource()
    partitioned_by: dict[str, Any] = {}
    dbt_unique_id: str = ""
    told_by_dbt: bool = False


class Check(Fact, frozen=True):
    """The result of an asset check. `severity` is ERROR or WARN: what it means if it did not pass."""

    asset_key: Key = ()
    name: str = ""
    passed: bool | None = None
    severity: str = ""
    blocking: bool | None = None
    description: str = ""
    metadata: dict[str, Any] = {}
    column: str = ""


class RetryOf(Fact, frozen=True):
    """The run, or the lineage run of the attempt, that is tried again."""

    run_id: str = ""
    root_run_id: str = ""
    strategy: str = ""
    attempt: int | None = None


class Result(Fact, frozen=True):
    """How it ended. `never_reached`: keys of assets that were planned and not made."""

    status: str = ""
    message: str = ""
    counts: dict[str, Any] = {}
    never_reached: tuple[Any, ...] = ()


class Told(Fact, frozen=True):
    """Everything that one span or start event says."""

    kind: Kind = Kind.RUN
    run_id: str = ""
    job_name: str = ""
    code_location: str = ""
    repository: str = ""
    deployment: str = ""
    version: str = ""
    plugin_version: str = ""
    run_url: str = ""
    run_tags: dict[str, Any] = {}
    launched_by: dict[str, Any] = {}
    backfill_id: str = ""
    partitions: Partitions | None = None
    retry_of: RetryOf | None = None
    step_key: str = ""
    step_attempt: int = 1
    op_name: str = ""
    asset: Asset = Asset()
    inputs: tuple[Thing, ...] = ()
    outputs: tuple[Thing, ...] = ()
    checks: tuple[Check, ...] = ()
    observations: tuple[Thing, ...] = ()
    result: Result | None = None


def written(key: Any) -> str:
    """An asset key as Dagster's users write it.

    >>> written(("raw", "orders")), written("raw/orders")
    ('raw/orders', 'raw/orders')
    """
    return "/".join(map(str, key)) if isinstance(key, tuple | list) else str(key)
