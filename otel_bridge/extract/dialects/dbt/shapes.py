"""dbt's artifacts as far as they are read: the keys that we look at, with the types that any release gives them.

Unknown keys are skipped. Encoded again, an entry is the artifact without what nobody reads (`otel-bridge artifacts push`).
"""

from typing import Any

import msgspec

Text = str | None


class Shape(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A part of an artifact."""


class Describes(Shape, frozen=True):
    """Ours: a catalog belongs to another invocation's tables, and whether it is younger than that."""

    invocation_id: str = ""
    complete: bool = False


class Metadata(Shape, frozen=True):
    """Head of every artifact."""

    dbt_schema_version: Text = None
    dbt_version: Text = None
    generated_at: Text = None
    invocation_id: Text = None
    invocation_started_at: Text = None
    project_name: Text = None
    adapter_type: Text = None
    otel_bridge: Describes | None = None


class Owner(Shape, frozen=True):
    """Of a group or exposure; an e-mail may be several."""

    name: Text = None
    email: str | list[str] | None = None


class Depends(Shape, frozen=True):
    """Unique ids of the nodes above."""

    nodes: list[str] | None = None


class Checksum(Shape, frozen=True):
    """Of a node's file."""

    checksum: Text = None


class TestMetadata(Shape, frozen=True):
    """Of a generic test."""

    name: Text = None
    namespace: Text = None
    kwargs: dict[str, Any] | None = None


class ColumnConfig(Shape, frozen=True):
    """Where dbt keeps tags and meta of a column from 1.10 on."""

    tags: list[str] | str | None = None
    meta: dict[str, Any] | None = None


class Column(Shape, frozen=True):
    """A column as the project describes it."""

    name: Text = None
    data_type: Text = None
    description: Text = None
    tags: list[str] | str | None = None
    meta: dict[str, Any] | None = None
    constraints: list[Any] | None = None
    config: ColumnConfig | None = None


class Entry(Shape, frozen=True):
    """A node, source, unit test, exposure, metric, semantic model, saved query or group of the manifest."""

    unique_id: Text = None
    resource_type: Text = None
    name: Text = None
    package_name: Text = None
    language: Text = None
    alias: Text = None
    database: Text = None
    schema: Text = None
    identifier: Text = None
    relation_name: Text = None
    root_path: Text = None
    original_file_path: Text = None
    checksum: str | Checksum | None = None
    access: Text = None
    version: str | int | float | None = None
    latest_version: str | int | float | None = None
    group: Text = None
    owner: Owner | None = None
    description: Text = None
    tags: list[str] | str | None = None
    meta: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    contract: dict[str, Any] | None = None
    constraints: list[Any] | None = None
    columns: dict[str, Column] | None = None
    depends_on: Depends | None = None
    test_metadata: TestMetadata | None = None
    column_name: Text = None
    attached_node: Text = None
    model: Text = None
    tested_node_unique_id: Text = None
    loader: Text = None
    index: int | None = None
    type: Text = None
    label: Text = None
    url: Text = None
    maturity: Text = None
    compiled_code: Text = None
    raw_code: Text = None


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """manifest.json; entries are read one by one, so that one that can't be read costs no other."""

    metadata: Metadata = Metadata()
    nodes: dict[str, msgspec.Raw] | None = None
    sources: dict[str, msgspec.Raw] | None = None
    unit_tests: dict[str, msgspec.Raw] | None = None
    exposures: dict[str, msgspec.Raw] | None = None
    metrics: dict[str, msgspec.Raw] | None = None
    semantic_models: dict[str, msgspec.Raw] | None = None
    saved_queries: dict[str, msgspec.Raw] | None = None
    groups: dict[str, msgspec.Raw] | None = None


class Timing(Shape, frozen=True):
    """A phase; `name` is compile or execute."""

    name: Text = None
    started_at: Text = None
    completed_at: Text = None


class BatchResults(Shape, frozen=True):
    """Windows of a microbatch model."""

    successful: list[Any] | None = None
    failed: list[Any] | None = None


class Outcome(Shape, frozen=True):
    """A result of run_results.json, or of sources.json (`max_loaded_at` and after)."""

    unique_id: Text = None
    status: Text = None
    message: Text = None
    failures: int | None = None
    thread_id: Text = None
    execution_time: float | None = None
    adapter_response: dict[str, Any] | None = None
    timing: list[Timing] | None = None
    batch_results: BatchResults | None = None
    compiled_code: Text = None
    error: Text = None
    max_loaded_at: Text = None
    snapshotted_at: Text = None
    max_loaded_at_time_ago_in_s: float | None = None
    criteria: dict[str, Any] | None = None


class Results(msgspec.Struct, frozen=True, omit_defaults=True):
    """run_results.json and sources.json."""

    metadata: Metadata = Metadata()
    results: list[msgspec.Raw] | None = None
    args: dict[str, Any] | None = None
    elapsed_time: float | None = None


class CatalogColumn(Shape, frozen=True):
    """A column as the warehouse has it."""

    name: Text = None
    type: Text = None
    index: int | None = None
    comment: Text = None


class Table(Shape, frozen=True):
    """A table of catalog.json."""

    unique_id: Text = None
    columns: dict[str, CatalogColumn] | None = None


class Catalog(msgspec.Struct, frozen=True, omit_defaults=True):
    """catalog.json."""

    metadata: Metadata = Metadata()
    nodes: dict[str, msgspec.Raw] | None = None
    sources: dict[str, msgspec.Raw] | None = None


class Head(msgspec.Struct, frozen=True):
    """What tells artifacts apart where their schema version does not."""

    metadata: Metadata = Metadata()
    macros: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    nodes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    results: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    args: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
