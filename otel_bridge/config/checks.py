"""What types alone do not say: limits that let nothing through, values that don't go together, files that are not there."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from otel_bridge import identity
from otel_bridge.extract.mappings import check_mappings
from otel_bridge.kafka import check_connection, check_topic_name
from otel_bridge.namespaces import Namespaces
from otel_bridge.openlineage import check_custom_facets
from otel_bridge.settings import ApiKey, Destination, Door, KafkaSource, Settings, Tls

POSITIVE = (
    "receive.max_request",
    "receive.max_in_flight",
    "receive.max_connections",
    "receive.idle_timeout",
    "receive.retry_after",
    "journal.max_spans",
    "journal.max_events",
    "runs.lost_after",
    "column_lineage.time_limit",
    "column_lineage.max_statement",
    "identity.keep",
)
OURS = frozenset({"enable.auto.commit", "enable.auto.offset.store", "group.id", "auto.offset.reset"})
"""Properties of librdkafka that are not the user's in a source."""
TRACE_EXAMPLE = "http://127.0.0.1:16686/trace/{trace_id}?uiFind={span_id}"


def problems(settings: Settings) -> list[str]:
    """One line for each: where, what is wrong, what to do."""
    return [
        *_limits(settings),
        *_doors(settings),
        *_files("api", settings.api.tls),
        *_keys(settings.api.keys),
        *_kafka(settings.receive.kafka),
        *_urls(settings),
        *_namespace(settings),
        *(f"facets: {line}" for line in check_custom_facets(settings)),
        *check_mappings(settings.mappings),
        *identity.problems(settings.identity),
    ]


def _limits(settings: Settings) -> Iterator[str]:
    if not settings.data_dir:
        yield "data_dir: is empty. Name a folder, or leave it out."
    for path in POSITIVE:
        section, name = path.split(".")
        if getattr(getattr(settings, section), name) <= 0:
            yield f"{path}: must be more than 0."


def _doors(settings: Settings) -> Iterator[str]:
    doors = {f"receive.{name}": getattr(settings.receive, name) for name in ("grpc", "http")}
    listening = {path: door.endpoint for path, door in doors.items() if door.enabled}
    if not listening and not settings.receive.kafka:
        yield "receive: both doors are off. Enable grpc or http, or read from kafka."
    listening["api"] = settings.api.endpoint
    for path, endpoint in listening.items():
        others = [other for other, at in listening.items() if other < path and at == endpoint and at.port]
        yield from (f"{path}.endpoint: {other} has {endpoint} too. Give it another port." for other in others)
    for path, door in doors.items():
        yield from _credentials(path, door)


def _credentials(path: str, door: Door) -> Iterator[str]:
    for at, token in enumerate(door.bearer_tokens):
        yield from _credential(f"{path}.bearer_tokens[{at}]", token.reveal())
    yield from _files(path, door.tls)


def _credential(path: str, given: str) -> Iterator[str]:
    """What is sent as `Authorization: Bearer …`."""
    if not given.strip():
        yield f"{path}: is empty, which would let everybody in. Give it a value or remove it."
    elif not re.fullmatch(r"[!-~]+", given):
        yield f"{path}: holds spaces or characters that a header can't. Use visible ASCII only."


def _files(path: str, tls: Tls | None) -> Iterator[str]:
    for key in ("cert", "key", "client_ca"):
        if tls and (name := getattr(tls, key)) and not Path(name).is_file():
            yield f"{path}.tls.{key}: no such file: {name}"


def _keys(keys: tuple[ApiKey, ...]) -> Iterator[str]:
    for at, one in enumerate(keys):
        if not one.name.strip():
            yield f"api.keys[{at}].name: is empty. Say who has the key; the log names it."
        yield from _credential(f"api.keys[{at}].key", one.key.reveal())
        if not one.roles:
            yield f"api.keys[{at}].roles: is empty. Give read, write or both."
    for name in _twice(one.name for one in keys):
        yield f"api.keys: the name {name!r} is used twice; names must differ."
    for key in _twice(one.key.reveal() for one in keys if one.key.reveal()):
        names = ", ".join(one.name for one in keys if one.key.reveal() == key)
        yield f"api.keys: {names} have the same key. Give each its own, or one entry all the roles."


def destinations(given: Iterable[Destination], data_dir: str) -> Iterator[str]:
    """What is wrong with destinations taken together."""
    files: dict[Path, list[str]] = {}
    for one in given:
        if one.type == "file":
            files.setdefault((Path(data_dir) / one.options.path).resolve(), []).append(one.name)
    for path, names in files.items():
        if len(names) > 1:
            yield f"destinations: {', '.join(names)} write the same file {path}. Give each its own path."


def _twice(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _kafka(sources: Sequence[KafkaSource]) -> Iterator[str]:
    for name, times in Counter(source.name for source in sources).items():
        if times > 1:
            yield f"receive.kafka: the name {name!r} is used {times} times. Give each source a name of its own."
    readers = Counter(
        (source.brokers, source.group, topic) for source in sources for topic in set(source.topics)
    )
    for (_, group, topic), times in readers.items():
        if times > 1:
            yield f"receive.kafka: group {group!r} reads topic {topic!r} {times} times. Name it in one source only."
    for number, source in enumerate(sources):
        yield from (f"receive.kafka[{number}]: {line}" for line in _kafka_source(source))


def _kafka_source(source: KafkaSource) -> Iterator[str]:
    if not source.topics:
        yield "topics: is empty. Name at least one."
    for topic in (*source.topics, *filter(None, [source.dead_letter_topic])):
        try:
            check_topic_name(topic)
        except ValueError as error:
            yield f"{error}."
    if source.dead_letter_topic in source.topics:
        yield "dead_letter_topic: is one of topics, so that each copy would be read again. Name another one."
    for key in OURS & source.config.keys():
        yield f"config: {key} is set by the bridge, which commits what is durable. Remove it."
    try:
        check_connection(source)
    except ValueError as error:
        yield f"{error}."


def _urls(settings: Settings) -> Iterator[str]:
    if not urlsplit(settings.producer).scheme:
        yield "producer: must be a URI, for instance https://example.org/our-bridge"
    if settings.api.public_url is not None and not _http(settings.api.public_url):
        yield "api.public_url: must be an http or https URL, for instance https://lineage.example.org"
    try:
        filled = settings.trace.url and settings.trace.url.format(trace_id="0" * 32, span_id="0" * 16)
    except (KeyError, ValueError, IndexError, AttributeError):
        yield f"trace.url: only {{trace_id}} and {{span_id}} can be filled in, for instance {TRACE_EXAMPLE}"
    else:
        if filled and not _http(filled):
            yield f"trace.url: must be an http or https URL, for instance {TRACE_EXAMPLE}"


def _http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _namespace(settings: Settings) -> Iterator[str]:
    try:
        Namespaces(settings.namespace)
    except ValueError as error:
        yield f"namespace: {error}"
