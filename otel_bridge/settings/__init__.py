"""The whole configuration as one typed tree of frozen dataclasses, without pydantic.

`config` fills it from YAML, environment and flags; the parts of the service take their branch of it and
know nothing of files. Durations are seconds, sizes are bytes. Options of a destination are defined beside
the destination (`deliver.<kind>.Options`), so that a new kind is one new file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from otel_bridge.settings.doors import (
    Api,
    ApiKey,
    Door,
    GrpcDoor,
    HttpDoor,
    KafkaConnection,
    KafkaSasl,
    KafkaSource,
    KafkaTls,
    Receive,
    Role,
    Tls,
)
from otel_bridge.settings.expressions import Expression
from otel_bridge.settings.lineage import (
    AliasGroup,
    AliasRule,
    Claims,
    ColumnLineage,
    CustomFacet,
    DatasetName,
    Dbt,
    Dialects,
    Identity,
    MappedDataset,
    MappedJob,
    MappedRun,
    MappedState,
    MappingMatch,
    NamePattern,
    Namespace,
    NameTemplate,
    Runs,
    Slot,
    SpanMapping,
    Trace,
)
from otel_bridge.settings.units import STRICT, Duration, Endpoint, Secret, Size

__all__ = [
    "STRICT",
    "AliasGroup",
    "AliasRule",
    "Api",
    "ApiKey",
    "Claims",
    "ColumnLineage",
    "Consumer",
    "CustomFacet",
    "DatasetName",
    "Dbt",
    "Destination",
    "Dialects",
    "Door",
    "Duration",
    "Endpoint",
    "Expression",
    "GrpcDoor",
    "HttpDoor",
    "Identity",
    "Journal",
    "KafkaConnection",
    "KafkaSasl",
    "KafkaSource",
    "KafkaTls",
    "Log",
    "MappedDataset",
    "MappedJob",
    "MappedRun",
    "MappedState",
    "MappingMatch",
    "NamePattern",
    "NameTemplate",
    "Namespace",
    "ProfileName",
    "Receive",
    "Role",
    "Runs",
    "Secret",
    "Settings",
    "Size",
    "Slot",
    "SpanMapping",
    "Tls",
    "Trace",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Limits of what is kept on disk. At a limit the bridge refuses (retryably) rather than loses."""

    __pydantic_config__ = STRICT

    max_spans: Size = Size(4 * 1024**3)
    """Bytes of accepted spans and log events. Converted ones are pruned, oldest first, to stay below it."""
    keep_spans: Duration = Duration(7 * 86400)
    """How long converted spans are kept: they can be converted again, and a duplicate is recognised."""
    max_events: Size = Size(4 * 1024**3)
    """Bytes of OpenLineage events. Those that every destination has passed are pruned, oldest first."""
    keep_events: Duration = Duration(7 * 86400)
    """How long delivered events are kept, for `otel-bridge events` and `replay`."""
    keep_runs: Duration = Duration(30 * 86400)
    """How long a finished run is remembered, so that converting again gives it no second terminal event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the bridge says about itself, on stderr."""

    __pydantic_config__ = STRICT

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["text", "json"] = "text"
    """One line of text, or one JSON object a line."""


ProfileName = Literal[
    "generic", "marquez", "datahub", "openmetadata", "datadog", "dataplex", "datazone", "atlan"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """What a destination's consumer wants, whatever the kind of destination: options that all kinds have."""

    __pydantic_config__ = STRICT

    profile: ProfileName = "generic"
    """Rules of a known consumer, see docs/consumers.md; `generic` sends every event as it is."""
    max_event: Size | None = None
    """Largest event in bytes; facets are shed to get below it. Default: the profile's limit."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Namespaces, of jobs and datasets alike, that this consumer knows by another name: ours -> its own."""
    canonical_names: bool = False
    """Whether each dataset goes out by its canonical name, with its other names as symlinks (docs/identity.md)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One consumer of the event log: `options` is the `Options` of its kind, checked."""

    name: str
    type: str
    options: Any
    consumer: Consumer = field(default_factory=Consumer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured."""

    __pydantic_config__ = STRICT

    data_dir: str
    """Folder of the journal. One process at a time. Default: `otel-bridge` in the user's state directory."""
    receive: Receive = field(default_factory=Receive)
    api: Api = field(default_factory=Api)
    journal: Journal = field(default_factory=Journal)
    namespace: Namespace = field(default_factory=Namespace)
    runs: Runs = field(default_factory=Runs)
    dbt: Dbt = field(default_factory=Dbt)
    dialects: Dialects = field(default_factory=Dialects)
    mappings: tuple[SpanMapping, ...] = ()
    """Spans of your own kinds; see docs/dialects.md."""
    column_lineage: ColumnLineage = field(default_factory=ColumnLineage)
    identity: Identity = field(default_factory=Identity)
    facets: tuple[CustomFacet, ...] = ()
    """Facets of your own; see docs/facets.md."""
    trace: Trace = field(default_factory=Trace)
    log: Log = field(default_factory=Log)
    producer: str = "https://github.com/otel-bridge/otel-bridge"
    """`producer` of every event and `_producer` of every facet, a URI."""
    destinations: tuple[Destination, ...] = ()
    """Where events go; see docs/destinations.md for each kind."""
