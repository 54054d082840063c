"""What destinations and sources on Kafka share: the client's configuration, and whether a topic is there.

confluent-kafka is imported in the functions, and so only where Kafka is configured.
"""

from collections.abc import Iterable
from typing import Any

from otel_bridge.model import BridgeError
from otel_bridge.settings import KafkaConnection

INSTALL = "Kafka needs confluent-kafka: pip install 'otel-bridge[kafka]'"
METADATA_S = 10.0


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


def check_topics(client: Any, topics: Iterable[str], within_s: float = METADATA_S) -> None:
    """See that the topics exist; blocks for up to `within_s`.

    Args:
        client: a Producer or Consumer of confluent-kafka.
        topics: names.
        within_s: longest time to wait for the brokers, for each topic.

    Raises:
        KafkaTrouble: says which topic is missing, or why the brokers can't be asked, and what to do.
    """
    from confluent_kafka import KafkaException

    for topic in topics:
        try:
            found = client.list_topics(topic, timeout=within_s).topics[topic]
        except KafkaException as error:
            text = error.args[0].str()
            raise KafkaTrouble(
                f"the brokers can't be asked for topic {topic!r}: {text}; check brokers, tls and sasl"
            ) from error
        if found.error is not None:
            raise KafkaTrouble(
                f"topic {topic!r}: {found.error.str()}; create it or correct the configuration"
            )


def _protocol(connection: KafkaConnection) -> str:
    """As librdkafka names the four combinations."""
    if connection.sasl:
        return "SASL_SSL" if connection.tls else "SASL_PLAINTEXT"
    return "SSL" if connection.tls else "PLAINTEXT"
