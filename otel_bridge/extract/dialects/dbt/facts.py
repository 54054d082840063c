"""What is known of a dbt run, whoever tells it: the one form that spans, log events and artifacts are read into.

Every field has a default, "" and None standing for "not known", so that a reader fills in what it has. Names are dbt's
own (manifest.json, run_results.json) or those of convention/dbt.yaml. `msgspec.json` writes only what is known.
"""

from enum import StrEnum
from typing import Any

import msgspec

from otel_bridge.extract.data_sources import Connection
from otel_bridge.extract.dialects.dagster.facts import Partitions


class Kind(StrEnum):
    """What a run is."""

    INVOCATION = "invocation"
    NODE = "node"
    BATCH = "batch"
    HOOK = "hook"
    OPERATION = "operation"


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of what is known."""


class Invocation(Fact, frozen=True):
    """One dbt command. `flags`: as in convention/dbt.yaml. Of artifacts, `connection` has at least the `type`."""

    invocation_id: str = ""
    command: str = ""
    version: str = ""
    plugin_version: str = ""
    project: str = ""
    profile: str = ""
    target: str = ""
    connection: Connection = Connection()
    flags: dict[str, Any] = {}
    retry_of: str = ""


class Owner(Fact, frozen=True):
    """Of a group or an exposure."""

    name: str = ""
    email: str = ""


class Column(Fact, frozen=True):
    """A column of a relation. `type` as the warehouse or the project writes it; `generated`: dbt adds it itself."""

    name: str = ""
    type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = {}
    constraints: tuple[Any, ...] = ()
    generated: bool = False


class Quoted(Fact, frozen=True):
    """Which parts of a name dbt writes in quotes; where that is not known, a relation has none."""

    database: bool = False
    schema: bool = False
    identifier: bool = False


class Relation(Fact, frozen=True):
    """A table, view or file. `resource_type` is its node's, or `file` (a seed's CSV) or `external` (another project's).

    `columns_from`: `live`, `contract`, `yaml`, `catalog`, `file` or `cache`. `deferred`: it stands for a node that was
    not built here. `row_count` and `bytes` are those of the catalog, if it has them.
    """

    unique_id: str = ""
    resource_type: str = ""
    database: str = ""
    schema: str = ""
    identifier: str = ""
    quoted: Quoted | None = None
    path: str = ""
    materialization: str = ""
    columns: tuple[Column, ...] = ()
    columns_complete: bool = False
    columns_from: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = {}
    owner: Owner = Owner()
    access: str = ""
    deferred: bool = False
    loader: str = ""
    row_count: int | None = None
    bytes: int | None = None


class Consumer(Fact, frozen=True):
    """What depends on a node; `type`: exposure, metric, saved_query or semantic_model; `kind`: of an exposure."""

    unique_id: str = ""
    type: str = ""
    kind: str = ""
    name: str = ""
    label: str = ""
    url: str = ""
    owner: Owner = Owner()
    maturity: str = ""
    description: str = ""


class Test(Fact, frozen=True):
    """What a test asserts. `kind`: generic, singular or unit; `name`: `not_null`, or the node's own; `model`: of a unit test."""

    kind: str = ""
    name: str = ""
    model: str = ""
    namespace: str = ""
    column: str = ""
    kwargs: dict[str, Any] = {}
    attached_node: str = ""
    severity: str = ""
    error_if: str = ""
    warn_if: str = ""
    limit: int | None = None
    where: str = ""
    store_failures: bool | None = None


class SkipCause(Fact, frozen=True):
    """The node because of which dbt skipped another, and how that one ended."""

    unique_id: str = ""
    status: str = ""


class DagsterAsset(Fact, frozen=True):
    """The asset of Dagster that a node is, where Dagster started dbt."""

    asset_key: tuple[str, ...] = ()
    deployment: str = ""
    partitions: Partitions | None = None
    description: str = ""
    group: str = ""
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: dict[str, Any] = {}
    code_version: str = ""


class Node(Fact, frozen=True):
    """A node as the project has it, with the relations that it reads and writes.

    `upstream` are the unique ids of the nodes above, where their relations are not known (links of native spans).
    `inputs_known` is False where nobody has said yet what the node reads and writes (native spans without a manifest).
    `sql` is the compiled statement; `code` the source of a node that is not SQL.
    """

    unique_id: str = ""
    node_type: str = ""
    name: str = ""
    package: str = ""
    language: str = ""
    alias: str = ""
    materialization: str = ""
    database: str = ""
    schema: str = ""
    identifier: str = ""
    relative_path: str = ""
    original_file_path: str = ""
    checksum: str = ""
    access: str = ""
    version: str = ""
    latest_version: str = ""
    group: str = ""
    owner: Owner = Owner()
    description: str = ""
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = {}
    contract: bool = False
    constraints: tuple[Any, ...] = ()
    config: dict[str, Any] = {}
    test: Test | None = None
    inputs: tuple[Relation, ...] = ()
    output: Relation | None = None
    inputs_known: bool = False
    consumers: tuple[Consumer, ...] = ()
    asset: DagsterAsset | None = None
    upstream: tuple[str, ...] = ()
    sql: str = ""
    code: str = ""


class Timing(Fact, frozen=True):
    """A phase of a node (`compile`, `execute`); ISO 8601."""

    name: str = ""
    started_at: str = ""
    completed_at: str = ""


class BatchCounts(Fact, frozen=True):
    """Batches of a microbatch model."""

    successful: int = 0
    failed: int = 0
    failed_windows: tuple[Any, ...] = ()


class Freshness(Fact, frozen=True):
    """Result of a freshness check; `age` in seconds, `criteria` as in sources.json."""

    status: str = ""
    max_loaded_at: str = ""
    snapshotted_at: str = ""
    age: float | None = None
    criteria: dict[str, Any] = {}


class Result(Fact, frozen=True):
    """How a run ended. `status` is one of dbt-core's words: v2's are translated by its reader.

    `counts` (results by status), `elapsed` and `exception` are an invocation's.
    """

    status: str = ""
    message: str = ""
    failures: int | None = None
    thread: str = ""
    execution_time: float | None = None
    adapter_response: dict[str, Any] = {}
    timing: tuple[Timing, ...] = ()
    batches: BatchCounts | None = None
    freshness: Freshness | None = None
    skip_cause: SkipCause = SkipCause()
    rows_affected: int | None = None
    query_id: str = ""
    counts: dict[str, int] = {}
    elapsed: float | None = None
    exception: str = ""


class Batch(Fact, frozen=True):
    """A batch of a microbatch model; the window in ISO 8601."""

    id: str = ""
    index: int | None = None
    count: int | None = None
    start: str = ""
    end: str = ""


class Hook(Fact, frozen=True):
    """`type`: pre-hook, post-hook, on-run-start or on-run-end. `index` counts from 0 in each, through all packages."""

    type: str = ""
    index: int | None = None
    count: int | None = None
    transaction: bool | None = None
    sql: str = ""


class Operation(Fact, frozen=True):
    """A run-operation; of arguments only the names."""

    macro: str = ""
    arguments: tuple[str, ...] = ()


class Told(Fact, frozen=True):
    """One run of dbt: what `mapping` makes a run out of. `node` is also that of a batch and of a node's hook.

    `tier` tells who says so: `A` otel-bridge-dbt, `B` dbt-core's own spans, `C` dbt v2's, `D` artifacts alone.
    """

    tier: str = "A"
    kind: Kind = Kind.NODE
    invocation: Invocation = Invocation()
    node: Node = Node()
    result: Result | None = None
    batch: Batch | None = None
    hook: Hook | None = None
    operation: Operation | None = None
