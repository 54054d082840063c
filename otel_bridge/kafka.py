"""What destinations and sources on Kafka share: the client's configuration, its log, whether a topic is there, and what a
source says of itself.

confluent-kafka is imported in the functions, and so only where Kafka is configured.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import msgspec
import structlog

from otel_bridge.model import BridgeError
from otel_bridge.settings import KafkaConnection

INSTALL = "Kafka needs confluent-kafka: pip install 'otel-bridge[kafka]'"
METADATA_S = 10.0
SAME_LINE_S = 60.0
BROKER = re.compile(r"(?:\w+://)?(?:\[[0-9a-fA-F:]+\]|[^\s:/,]+)(?::\d{1,5})?")
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class SourceState(msgspec.Struct, frozen=True):
    """A source at this moment. Counts are since the start; `lag` is None until the brokers told."""

    name: str
    content: str
    topics: tuple[str, ...]
    partitions: int
    messages: int
    empty: int
    poison: int
    in_flight: int
    lag: int | None
    trouble: str


class KafkaTrouble(BridgeError):
    """The cluster can't be reached or lacks something; it may have it later."""


def client_config(connection: KafkaConnection) -> dict[str, Any]:
    """Properties of librdkafka for a connection. Secrets are in the clear: not to be logged."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(connection.brokers),
        "client.id": "otel-bridge",
        "security.protocol": _protocol(connection),
    }
    if tls := connection.tls:
        files = {"ssl.ca.location": tls.ca, "ssl.certificate.location": tls.cert, "ssl.key.location": tls.key}
        found |= {key: value for key, value in files.items() if value}
        if tls.key_password is not None:
            found["ssl.key.password"] = tls.key_password.reveal()
        if not tls.verify:
            found |= {
                "enable.ssl.certificate.verification": False,
                "ssl.endpoint.identification.algorithm": "none",
            }
    if sasl := connection.sasl:
        found |= {"sasl.mechanism": sasl.mechanism, "sasl.username": sasl.username}
        found["sasl.password"] = sasl.password.reveal()
    return found | {key: value.reveal() for key, value in connection.config.items()}


def check_connection(connection: KafkaConnection, properties: Mapping[str, Any] | None = None) -> None:
    """See that confluent-kafka is installed and takes the configuration. Nothing is connected to.

    Args:
        connection: what the user configured.
        properties: what we set for librdkafka; by default `client_config(connection)`.

    Raises:
        ValueError: says what is wrong, without values that may be secret.
    """
    if not connection.brokers or not all(BROKER.fullmatch(broker) for broker in connection.brokers):
        raise ValueError("brokers must be a list of host:port, for instance [localhost:9092]")
    if find_spec("confluent_kafka") is None:
        raise ValueError(INSTALL)
    from confluent_kafka import KafkaException, Producer

    tried = dict(client_config(connection) if properties is None else properties)
    try:
        Producer(tried | {"bootstrap.servers": "", "logger": Unheard()})
    except KafkaException as error:
        raise ValueError(f"librdkafka: {_masked(error.args[0].str(), connection)}") from None


def check_topic_name(topic: str) -> None:
    """ValueError unless Kafka allows it."""
    if not TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError(f"topic {topic!r}: a name has up to 249 letters, digits, `.`, `_` and `-`")


class Unheard:
    """A log that nobody reads."""

    def log(self, level: int, template: str, *values: Any) -> None:
        """Say nothing."""


class LibraryLog:
    """What librdkafka logs, as the bridge's: errors are warnings, since it tries again by itself; the rest is for
    debugging. The same line comes once a minute at most.
    """

    def __init__(self, **bound: Any) -> None:
        self._log = structlog.get_logger().bind(**bound)
        self._seen: set[str] = set()
        self._since_s = 0.0

    def log(self, level: int, template: str, *values: Any) -> None:
        """As of `logging.Logger`."""
        text = str(values[-1] if values else template).split(" (after ")[0]
        if level < logging.ERROR:
            self._log.debug(f"librdkafka: {text}")
        elif self._news(text):
            self._log.warning(f"librdkafka: {text}")

    def _news(self, text: str) -> bool:
        now_s = time.monotonic()
        if now_s - self._since_s > SAME_LINE_S or len(self._seen) > 100:
            self._seen.clear()
            self._since_s = now_s
        if text in self._seen:
            return False
        self._seen.add(text)
        return True


def check_topics(
    client: Any, topics: Iterable[str], within_s: float = METADATA_S, said: Callable[[], str] = lambda: ""
) -> None:
    """See that the topics exist; blocks for up to `within_s`.

    Args:
        client: a Producer or Consumer of confluent-kafka.
        topics: names.
        within_s: longest time to wait for the brokers, for each topic.
        said: what the client last reported to its `error_cb`, which says more than the call's own error.

    Raises:
        KafkaTrouble: says which topic is missing, or why the brokers can't be asked, and what to do.
    """
    from confluent_kafka import KafkaException

    for topic in topics:
        try:
            found = client.list_topics(topic, timeout=within_s).topics[topic]
        except KafkaException as error:
            text = said() or error.args[0].str()
            raise KafkaTrouble(
                f"the brokers can't be asked for topic {topic!r}: {text}; check brokers, tls and sasl"
            ) from error
        if found.error is not None:
            raise KafkaTrouble(
                f"topic {topic!r}: {found.error.str()}; create it or correct the configuration"
            )


def _masked(text: str, connection: KafkaConnection) -> str:
    """Without the values of `config`, some of which librdkafka repeats when it does not understand them."""
    for value in connection.config.values():
        if value:
            text = text.replace(value.reveal(), "***")
    return text


def _protocol(connection: KafkaConnection) -> str:
    """As librdkafka names the four combinations."""
    if connection.sasl:
        return "SASL_SSL" if connection.tls else "SASL_PLAINTEXT"
    return "SSL" if connection.tls else "PLAINTEXT"
