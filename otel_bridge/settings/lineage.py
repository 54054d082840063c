"""How lineage is read off telemetry: names, runs, dialects, columns, facets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from otel_bridge.settings.units import STRICT, Duration, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where job namespaces come from. Dataset namespaces are never touched."""

    __pydantic_config__ = STRICT

    template: str = "floe.{environment}.{domain}"
    """Job namespace of spans without `openlineage.job.namespace`; every `{name}` needs an entry in `sources`."""
    sources: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "environment": ("deployment.environment.name", "deployment.environment"),
            "domain": ("floe.domain", "service.namespace", "service.name"),
        }
    )
    """For each name of the template the resource attributes to look at, in order."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """For each name of the template its value when no source has one; `environment` is `dev` and `domain` is `default` if not given."""
    pattern: str | None = None
    """Regular expression (RE2) that a whole job namespace must match. One that does not is used all the same, counted and reported."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", {"environment": "dev", "domain": "default", **self.defaults})


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How runs are assembled."""

    __pydantic_config__ = STRICT

    parent_wait: Duration = Duration(10)
    """How long a run whose parent did not arrive yet waits for it (docs/adr/0003-late-parents.md)."""
    lost_after: int = 3
    """Silent heartbeat intervals after which a run is lost."""
    lost_state: Literal["ABORT", "FAIL", "NONE"] = "ABORT"
    """Terminal event of a lost run; NONE leaves it open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage:
    """Column lineage from the SQL of runs (docs/column-lineage.md)."""

    __pydantic_config__ = STRICT

    enabled: bool = True
    """Whether statements are analysed."""
    time_limit: Duration = Duration(5)
    """For one statement; one that takes longer has no column lineage, and the reason is told."""
    max_statement: Size = Size(1024**2)
    """Longer statements are not analysed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dbt:
    """Runs of dbt, whoever tells them (docs/dbt.md)."""

    __pydantic_config__ = STRICT

    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Dataset namespace by `project.target`, `project` or adapter type, where no rule fits or the warehouse is not known (docs/dbt.md)."""
    watch: tuple[str, ...] = ()
    """Folders with artifacts of dbt (`target/`), read whenever they change."""
    artifacts_wait: Duration = Duration(30)
    """How long dbt's own spans wait, after the end of the invocation, for its artifacts. 0: not at all."""
    invocation_wait: Duration = Duration(6 * 3600)
    """How long dbt's own spans wait for the end of the invocation, which tells their parent and the command."""
    keep_artifacts: Duration = Duration(7 * 86400)
    """How long artifacts are kept for spans that are still to come."""


class _OffIsFalse:
    """In YAML an unquoted `off` is false."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            lambda value: "off" if value is False else value, handler(source)
        )


Claims = Annotated[Literal["marked", "all", "off"], _OffIsFalse()]
"""Which spans a dialect of I/O reads: those with `openlineage.run.id`, all that it knows, or none."""

RunIds = Annotated[Literal["own", "openlineage", "off"], _OffIsFalse()]
"""Where run ids come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialects:
    """Which spans are read beside those of the convention and of dbt (docs/dialects.md)."""

    __pydantic_config__ = STRICT

    database: Claims = "marked"
    """Database clients (`db.*`): `marked` reads spans with `openlineage.run.id`, which otel-lineage stamps; `all` every one; `off` none."""
    messaging: Claims = "marked"
    """Producers and consumers of topics (`messaging.*`): `marked`, `all` or `off`."""
    objectstore: Claims = "marked"
    """Clients of object stores (`aws.s3.*` and the like): `marked`, `all` or `off`."""
    airflow: RunIds = "openlineage"
    """Airflow's own spans: `own` takes run ids from span ids, `openlineage` derives them as Airflow's provider does; `off` reads none."""
    prefect: bool = True
    """Whether Prefect's own spans are read."""
    iceberg: Claims = "marked"
    """Engines that read and write Iceberg tables (`iceberg.*`): `marked`, `all` or `off`."""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Dataset namespace by system (`sqlite`, `kafka`, …), for spans that do not tell where the data is."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Schema of tables that SQL names without one, by system (`postgresql`), in place of the default; "" for none."""


Wanting = Mapping[str, str | bool | int | float]
"""Attribute -> what it must be: a text (between slashes a regular expression for all of it), a number; true: be there, false: not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingMatch:
    """Which spans a mapping is for: all of these must hold."""

    __pydantic_config__ = STRICT

    scope: str | None = None
    """Name of the instrumentation scope; a text between slashes is a regular expression (RE2) for all of it."""
    span: str | None = None
    """Name of the span, or a regular expression (RE2) between slashes."""
    attributes: Wanting = field(default_factory=dict)
    """Span attributes: name -> value, regular expression between slashes, `true` (is there) or `false` (is not)."""
    resource: Wanting = field(default_factory=dict)
    """Resource attributes, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedJob:
    """The job of a mapped span."""

    __pydantic_config__ = STRICT

    name: str
    """Template of the job's name."""
    namespace: str | None = None
    """Template of its namespace; by default that of all jobs (`namespace`)."""
    type: str | None = None
    """Template of the job type, such as `TASK`."""
    integration: str | None = None
    """Template of the integration, such as `AIRBYTE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRun:
    """The run of a mapped span."""

    __pydantic_config__ = STRICT

    id: str | None = None
    """Template of the run's id: a UUID, or a text that one is derived from. By default the span's ids give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedDataset:
    """A dataset that a mapped span reads or writes; several, where an attribute is a list."""

    __pydantic_config__ = STRICT

    namespace: str
    """Template of the dataset's namespace."""
    name: str
    """Template of its name."""
    when: Wanting = field(default_factory=dict)
    """Conditions on span attributes, as in `match.attributes`, under which it is one."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Key of a dataset map (docs/attributes.md), such as `row_count` or `schema` -> attribute that it is taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedState:
    """How a run ended, where an attribute tells it rather than the span's status."""

    __pydantic_config__ = STRICT

    attribute: str
    """The attribute."""
    values: Mapping[str, Literal["COMPLETE", "FAIL", "ABORT", "SKIP"]]
    """Its value -> the state. For others the span's status counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMapping:
    """How spans of a kind of your own are read as lineage (docs/dialects.md). Of several that fit, the first counts."""

    __pydantic_config__ = STRICT

    name: str
    """Name of the mapping; evidence calls the rule `mapped.<name>`."""
    match: MappingMatch
    """Which spans it is for."""
    io: bool = False
    """The span is no run: what it reads and writes is the run's above it."""
    job: MappedJob | None = None
    """The job; needed unless `io`."""
    run: MappedRun = field(default_factory=MappedRun)
    """The run."""
    inputs: tuple[MappedDataset, ...] = ()
    """What it reads."""
    outputs: tuple[MappedDataset, ...] = ()
    """What it writes."""
    sql: str | None = None
    """Attribute with the SQL that it executes; `db.*` and `server.*` attributes say where."""
    state: MappedState | None = None
    """How the run ended."""
    set: Mapping[str, str] = field(default_factory=dict)
    """Further attributes of the convention (docs/attributes.md), such as `openlineage.nominal_start` -> template."""


Slot = Literal["run", "job", "dataset", "input", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFacet:
    """A facet of the user's own. Either `python_class`, or `fields` with an optional `schema`."""

    __pydantic_config__ = STRICT

    name: str
    """Key of the facet in the event, for instance `acme_cost`."""
    slot: Slot
    """Where it goes."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Facet field -> span attribute (or, for dataset slots, key of the dataset's map) that it is taken from."""
    schema: str | Mapping[str, Any] | None = None
    """JSON Schema of the facet, inline or as a file; each event's facet is validated against it, and it is served by the API."""
    python_class: str | None = None
    """`package.module:Class`, derived from a facet base of openlineage-python; its constructor takes `fields`."""
    required: tuple[str, ...] = ()
    """Fields without which the facet is left out silently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Links from a run to its trace."""

    __pydantic_config__ = STRICT

    url: str | None = None
    """Link to a span in the tracing UI, with `{trace_id}` and `{span_id}`; for Jaeger `http://127.0.0.1:16686/trace/{trace_id}?uiFind={span_id}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetName:
    """A dataset as OpenLineage names it."""

    __pydantic_config__ = STRICT

    namespace: str
    """Its namespace, such as `postgres://db.example:5432`."""
    name: str
    """Its name there, such as `shop.public.orders`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasGroup:
    """Names of one dataset. A canonical name without aliases says that it is not any other canonical one."""

    __pydantic_config__ = STRICT

    canonical: DatasetName
    """The name that stands for all of them."""
    aliases: tuple[DatasetName, ...] = ()
    """Its other names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """Which names a rule is for; both expressions must match the whole text."""

    __pydantic_config__ = STRICT

    namespace: str
    """Regular expression (RE2); its named groups `(?P<host>…)` can be used in `to`."""
    name: str = "(?s:.*)"
    """Regular expression, with named groups as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTemplate:
    """The canonical name that a rule gives."""

    __pydantic_config__ = STRICT

    namespace: str | None = None
    """Template with `{group}` for each named group that is used. Default: the namespace as it is."""
    name: str | None = None
    """Template, as above. Default: the name as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRule:
    """Names that are spelled differently by a rule; the first rule that matches a name counts."""

    __pydantic_config__ = STRICT

    match: NamePattern
    """Names that it is for."""
    to: NameTemplate
    """What they are canonically."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Names of one dataset that differ from producer to producer (docs/identity.md)."""

    __pydantic_config__ = STRICT

    aliases: tuple[AliasGroup, ...] = ()
    """Datasets whose names are known: each `canonical` with its `aliases`."""
    rules: tuple[AliasRule, ...] = ()
    """Rules for many names: `match` by regular expressions, `to` by templates."""
    prefer: tuple[str, ...] = ()
    """Schemes of namespaces in the order of preference for the canonical name, such as `s3` or `snowflake`."""
    keep: Duration = Duration(365 * 86400)
    """How long another name of a dataset is remembered after an event said it last."""
