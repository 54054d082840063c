"""Messaging clients: spans with `messaging.*` attributes of OpenTelemetry's conventions, today's (1.33) and those before.

A topic that is sent to is an output, one that is received from an input. OpenLineage's naming has rows for Kafka and for
Pub/Sub; what lies in another broker has a name only if the settings give its namespace.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from otel_bridge import convention
from otel_bridge.extract.data_sources import Name
from otel_bridge.extract.dialect import Io
from otel_bridge.extract.values import Attributes, run_id
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Dataset, Evidence, IoObserved, Observation, Span, SpanRef, Status, Value
from otel_bridge.namespaces import Namespaces

SYSTEM: Final = "messaging.system"
DESTINATION: Final = ("messaging.destination.name", "messaging.destination")
OPERATION: Final = ("messaging.operation.type", "messaging.operation", "messaging.operation.name")
HOST: Final = ("server.address", "messaging.url", "net.peer.name", "network.peer.address")
PORT: Final = ("server.port", "net.peer.port", "network.peer.port")
PROJECT: Final = "gcp.project_id"
"""Today's name of each, then those before."""

PRODUCER: Final = 4
CONSUMER: Final = 5
"""Kinds of spans, as numbered by OTLP."""
SENDS: Final = frozenset({"send", "publish", "create", "produce"})
RECEIVES: Final = frozenset({"receive", "process", "poll", "consume", "deliver", "subscribe"})
NEITHER: Final = frozenset({"settle", "ack", "nack", "modack", "commit"})

KAFKA_PORT: Final = 9092
"""Of a broker that is given without one."""


class Messaging(Io):
    """The dialect of messaging clients."""

    name = "messaging"
    markers = (b"messaging.system",)

    def claims(self, span: Span) -> bool:
        """A span that names a messaging system, and no copy that limits have cut."""
        said = span.attributes
        return bool(said.get(SYSTEM)) and said.get(convention.EXPORT) != convention.EXPORT_PARTIAL

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """The topic that the span's run sent to or received from."""
        attributes = Attributes(span.attributes)
        sends, receives = _direction(span)
        dataset = None
        if (sends or receives) and span.status is not Status.ERROR:
            dataset = _dataset(span.attributes, wanted.dialects.namespaces, attributes, sends)
        found = (dataset,) if dataset else ()
        yield IoObserved(
            evidence=Evidence(span.trace_id, span.span_id, f"{self.name}.span"),
            span=SpanRef(span.trace_id, span.span_id, span.parent_span_id),
            at_ns=span.end_ns,
            enclosing_run_id=attributes.read(convention.RUN_ID, run_id),
            inputs=found if receives else (),
            outputs=found if sends else (),
            omissions=tuple(attributes.omissions),
        )


def _direction(span: Span) -> tuple[bool, bool]:
    """Whether it sends, whether it receives. The kind goes before the operation, which some instrumentations mistake."""
    operation = _first(span.attributes, OPERATION).lower()
    if operation in NEITHER:
        return False, False
    if span.kind in (PRODUCER, CONSUMER):
        return span.kind == PRODUCER, span.kind == CONSUMER
    return operation in SENDS, operation in RECEIVES


def _dataset(
    said: Mapping[str, Value], namespaces: Mapping[str, str], attributes: Attributes, sends: bool
) -> Dataset | None:
    system, destination = _first(said, (SYSTEM,)), _first(said, DESTINATION)
    if not destination or said.get("messaging.destination.anonymous") is True:
        return None
    name = _name(system, destination, said, sends)
    if name is None and system in namespaces:
        name = Name(namespaces[system], destination)
    if name is None:
        why = (
            "which broker it is at is not told"
            if system == "kafka"
            else "OpenLineage has no names for its data"
        )
        attributes.omit(SYSTEM, f"what is sent over {system} is left out: {why}")
        return None
    return Dataset(*name)


def _name(system: str, destination: str, said: Mapping[str, Value], sends: bool) -> Name | None:
    """By OpenLineage's naming specification; None where it has no row, or the place is not told."""
    if system == "gcp_pubsub":
        return _pubsub(destination, said, sends)
    if system != "kafka":
        return None
    host, port = _broker(said)
    return Name(f"kafka://{host}:{port}", destination) if host else None


def _pubsub(destination: str, said: Mapping[str, Value], sends: bool) -> Name | None:
    """A topic, or on the receiving side a subscription."""
    path = destination.split("/")
    project = (
        path[1] if len(path) == 4 and path[0] == "projects" else _first(said, (PROJECT, "gcp.project.id"))
    )
    kind = "topic" if sends or "/topics/" in destination else "subscription"
    return Name("pubsub", f"{kind}:{project}:{path[-1]}") if project else None


def _broker(said: Mapping[str, Value]) -> tuple[str, int]:
    """The first of the bootstrap servers that the client was given; ("", 0) if none is told.

    >>> _broker({"server.address": '["k1:9093", "k2:9093"]'}), _broker({"net.peer.name": "k1"})
    (('k1', 9093), ('k1', 9092))
    """
    given = _first(said, HOST)
    if given.startswith("["):
        given = _first_of(given)
    host = given.partition(",")[0].strip().rpartition("://")[2].rstrip("/")
    written, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and (":" not in written or written.endswith("]")):
        return written, int(port)
    told = str(next((said[name] for name in PORT if said.get(name) not in (None, "")), ""))
    number = int(told) if told.isdecimal() else KAFKA_PORT
    return (host, number) if host else ("", 0)


def _first_of(listed: str) -> str:
    """The first of a list that is written as JSON."""
    try:
        found = json.loads(listed)
    except ValueError:
        return listed  # an IPv6 address in brackets
    return found[0] if isinstance(found, list) and found and isinstance(found[0], str) else ""


def _first(said: Mapping[str, Value], names: tuple[str, ...]) -> str:
    found = next((said[name] for name in names if said.get(name) not in (None, "")), "")
    if isinstance(found, list | tuple):
        found = found[0] if found else ""
    return found.strip() if isinstance(found, str) else ""
