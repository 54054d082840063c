"""How telemetry and questions come in: OTLP, Kafka, the API, and who may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from otel_bridge.settings.units import STRICT, Duration, Endpoint, Secret, Size


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
