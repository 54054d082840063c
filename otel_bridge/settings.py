"""The whole configuration as one typed tree of frozen dataclasses, without pydantic.

`config` fills it from YAML, environment and flags; the parts of the service take their branch of it and
know nothing of files. Durations are seconds, sizes are bytes. Options of a destination are defined beside
the destination (`deliver.<kind>.Options`), so that a new kind is one new file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


class Secret(str):
    """A string that is never printed: `repr` and error texts show `***`. `reveal` gives a plain str.

    In the configuration it may also be `{env: NAME}`, an environment variable, or `{file: PATH}`, a file's content.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The secret itself, for the one place that sends it."""
        return str.__str__(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        text = core_schema.str_schema()
        elsewhere = core_schema.dict_schema(
            core_schema.literal_schema(["env", "file"]), text, min_length=1, max_length=1
        )
        written = core_schema.union_schema([text, elsewhere])
        return core_schema.with_info_plain_validator_function(
            cls._read,
            json_schema_input_schema=written,
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def _read(cls, value: Any, info: Any) -> Self:
        match value:
            case str():
                return cls(value)
            case {"env": str(name), **more} if not more:
                return cls(_from_variable(name, (info.context or {}).get("environ", os.environ)))
            case {"file": str(path), **more} if not more:
                return cls(_from_file(path))
        raise ValueError("expected a text, {env: NAME} or {file: PATH}")


def _from_variable(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise ValueError(f"the environment variable {name} is not set")
    return value


def _from_file(path: str) -> str:
    """Without the line's end, and the byte order mark, that an editor leaves."""
    try:
        return Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {path}: {getattr(error, 'strerror', None) or 'not a text'}") from None


class Duration(float):
    """Seconds. Written as a number or as `250ms`, `10s`, `5m`, `12h`, `7d`."""

    __slots__ = ()
    UNITS: ClassVar[dict[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    LONGEST_S: ClassVar[float] = 36500 * 86400  # a date so far ahead still fits 64 bits of nanoseconds

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10s` and the like; ValueError with the accepted spellings otherwise."""
        seconds = _scaled(text, cls.UNITS, "a duration such as 250ms, 10s, 5m, 12h or 7d")
        if seconds > cls.LONGEST_S:
            raise ValueError(f"{text!r} is too long: at most 36500d")
        return cls(seconds)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _scalar_schema(cls)


class Size(int):
    """Bytes. Written as a number or as `64KiB`, `64MiB`, `2GiB` (or KB, MB, GB in powers of 1000)."""

    __slots__ = ()
    UNITS: ClassVar[dict[str, float]] = {
        "B": 1,
        "KB": 1000,
        "MB": 1000**2,
        "GB": 1000**3,
        "KiB": 1024,
        "MiB": 1024**2,
        "GiB": 1024**3,
    }

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `64MiB` and the like; ValueError with the accepted spellings otherwise."""
        return cls(_scaled(text, cls.UNITS, "a size such as 65536, 64MiB or 2GB"))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _scalar_schema(cls)


def _scaled(text: str, units: Mapping[str, float], expected: str) -> float:
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(number) :].strip()
    try:
        scale = units[unit] if unit else 1
        value = float(number) * scale
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is not {expected}") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} is not {expected}: it must be finite and not negative")
    return value


def _scalar_schema(cls: Any) -> Any:
    from pydantic_core import core_schema

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{value!r} is neither a number nor a text")
        return cls.parse(str(value))

    return core_schema.no_info_plain_validator_function(
        read,
        json_schema_input_schema=core_schema.union_schema(
            [core_schema.str_schema(), core_schema.float_schema()]
        ),
        serialization=core_schema.to_string_ser_schema(),
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address, written `host:port` (`[::1]:4317` for IPv6). Port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`; ValueError otherwise."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{text!r} is not host:port, for instance 127.0.0.1:4317")
        return cls(host, int(port))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def read(value: Any) -> Any:
            return value if isinstance(value, cls) else cls.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTls:
    """How brokers prove who they are, and how we do."""

    __pydantic_config__ = STRICT

    ca: str | None = None
    """PEM file of the CAs that the brokers' certificates must come from. Default: those of the system."""
    cert: str | None = None
    """PEM file with our certificate, for brokers that ask for one."""
    key: str | None = None
    """PEM file with the private key of `cert`."""
    key_password: Secret | None = None
    """Password of `key`."""
    verify: bool = True
    """Whether the brokers' certificates and host names are checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSasl:
    """SASL authentication."""

    __pydantic_config__ = STRICT

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """Mechanism that the brokers offer; others can be set through `config`."""
    username: str
    """User name."""
    password: Secret
    """Password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """How to reach a Kafka cluster."""

    __pydantic_config__ = STRICT

    brokers: tuple[str, ...]
    """Bootstrap brokers, a list of `host:port`."""
    tls: KafkaTls | None = None
    """TLS; plain text without. `tls: {}` is TLS with the system's CAs."""
    sasl: KafkaSasl | None = None
    """Authentication; none without."""
    config: Mapping[str, Secret] = field(default_factory=dict)
    """Further properties of librdkafka, which win over the above. Their values are kept out of logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS of a listening door."""

    __pydantic_config__ = STRICT

    cert: str
    """PEM file with the certificate chain."""
    key: str
    """PEM file with the private key."""
    client_ca: str | None = None
    """PEM file of the CAs that client certificates must come from; setting it makes TLS mutual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One OTLP endpoint."""

    __pydantic_config__ = STRICT

    enabled: bool = True
    """Whether to listen at all."""
    endpoint: Endpoint
    """Address to listen on, `host:port`."""
    tls: Tls | None = None
    """TLS; plain text without."""
    bearer_tokens: tuple[Secret, ...] = ()
    """Accepted bearer tokens; none means that no token is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcDoor(Door):
    """OTLP/gRPC."""

    endpoint: Endpoint = Endpoint("127.0.0.1", 4317)
    """Address to listen on, `host:port`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDoor(Door):
    """OTLP/HTTP."""

    endpoint: Endpoint = Endpoint("127.0.0.1", 4318)
    """Address to listen on, `host:port`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSource(KafkaConnection):
    """Topics that are read. An offset is committed once what its message carries is in the journal."""

    __pydantic_config__ = STRICT

    name: str = "kafka"
    """What metrics, `/health` and the log call it."""
    topics: tuple[str, ...]
    """Topics to read, all with the same content."""
    content: Literal["traces", "logs", "openlineage"] = "traces"
    """OTLP traces, OTLP logs, or OpenLineage events (one event, or a JSON array of them, a message)."""
    encoding: Literal["otlp_proto", "otlp_json"] = "otlp_proto"
    """Encoding of traces and logs, as the Collector's kafka exporter names it."""
    group: str = "otel-bridge"
    """Consumer group. Replicas with the same group share the partitions."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a group without committed offsets begins."""
    dead_letter_topic: str | None = None
    """Topic that messages which can't be read are copied to, with the reason in a header; they are kept in the journal in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """How OTLP comes in."""

    __pydantic_config__ = STRICT

    grpc: GrpcDoor = field(default_factory=GrpcDoor)
    """OTLP/gRPC."""
    http: HttpDoor = field(default_factory=HttpDoor)
    """OTLP/HTTP, protobuf and JSON."""
    kafka: tuple[KafkaSource, ...] = ()
    """OTLP and OpenLineage events from Kafka topics; needs `otel-bridge[kafka]`."""
    max_request: Size = Size(64 * 1024**2)
    """Largest request after decompression; over it 413 / RESOURCE_EXHAUSTED (the OTLP specification recommends 64 MiB)."""
    max_in_flight: Size = Size(256 * 1024**2)
    """Bytes of requests being worked on at once; over it 503 / UNAVAILABLE, to be retried."""
    max_connections: int = 512
    """Open HTTP connections; a further one is answered 503."""
    idle_timeout: Duration = Duration(75)
    """Keep-alive of an idle HTTP connection, and the longest time that a request may take to arrive."""
    strict: bool = False
    """Parse every span of every request, so that junk inside spans without lineage is refused too (2 us a span)."""
    retry_after: Duration = Duration(5)
    """What a sender is told to wait when we can't accept."""


Role = Literal["read", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key to the API, sent as `Authorization: Bearer <key>`."""

    __pydantic_config__ = STRICT

    name: str
    """Who has it; the log names it."""
    key: Secret
    """The key itself."""
    roles: tuple[Role, ...] = ("read",)
    """`read`: health in full and metrics; `write`: send OpenLineage events and artifacts of dbt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Health, metrics, facet schemas, and OpenLineage events of other producers."""

    __pydantic_config__ = STRICT

    endpoint: Endpoint = Endpoint("127.0.0.1", 4319)
    """Address to listen on, `host:port`."""
    public_url: str | None = None
    """Base URL of the API for others; facet schema URLs start with it. Default: the endpoint. Same in all replicas."""
    tls: Tls | None = None
    """TLS; plain text without."""
    keys: tuple[ApiKey, ...] = ()
    """Accepted keys; none means that no key is asked for. Whether we are alive, and facet schemas, need no key."""

    @property
    def base_url(self) -> str:
        """`public_url`, or the endpoint as a URL; without a trailing slash."""
        scheme = "https" if self.tls else "http"
        return (self.public_url or f"{scheme}://{self.endpoint}").rstrip("/")


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
    """Regular expression that a whole job namespace must match. One that does not is used all the same, counted and reported."""

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
    column_lineage: ColumnLineage = field(default_factory=ColumnLineage)
    facets: tuple[CustomFacet, ...] = ()
    """Facets of your own; see docs/facets.md."""
    trace: Trace = field(default_factory=Trace)
    log: Log = field(default_factory=Log)
    producer: str = "https://github.com/otel-bridge/otel-bridge"
    """`producer` of every event and `_producer` of every facet, a URI."""
    destinations: tuple[Destination, ...] = ()
    """Where events go; see docs/destinations.md for each kind."""
