"""Apache Kafka, one KRaft node (broker and controller in one), as a process; its libraries come by Maven.

    with kafka.run(directory=tmp_path) as broker:
        broker.create_topic("lineage", partitions=3)
        Producer({"bootstrap.servers": broker.brokers})

Topics are not created by themselves. `kill()`, `stop()` and `restart()` keep ports and data. With
`Security` there is a second listener, SASL_SSL with PLAIN, at `secure_brokers`.
"""

import shutil
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts._build import Recipe, Step, built, cached
from tests.parts._process import LOOPBACK, PartFailed, Process, free_ports

VERSION = "3.9.1"
HERE = Path(__file__).parent
SMALL_JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")

RECIPE = Recipe(
    part="kafka",
    version=VERSION,
    tools={
        "java": "install a Java 17 runtime (`apt-get install -y openjdk-17-jre-headless`)",
        "mvn": "install Maven (`apt-get install -y maven`)",
    },
    inputs=(HERE / "pom.xml",),
    steps=(Step(("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory={work}/lib")),),
    product="lib",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of one node."""

    plain: int
    controller: int
    secure: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the SASL_SSL listener needs."""

    keystore: Path
    """PEM file: the broker's private key (PKCS 8), then its certificate chain."""
    users: Mapping[str, str] = field(repr=False)
    """User name to password."""


@dataclass(slots=True, kw_only=True)
class Kafka(Process):
    """A running broker."""

    ports: Ports

    @property
    def brokers(self) -> str:
        """Where clients begin, as `host:port`; plain text, no authentication."""
        return f"{LOOPBACK}:{self.ports.plain}"

    @property
    def secure_brokers(self) -> str:
        """Where clients begin with TLS and SASL, as `host:port`; a certificate for `localhost` will do."""
        return f"localhost:{self.ports.secure}"

    def create_topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Make a topic; gives back its name."""
        from confluent_kafka.admin import NewTopic

        admin = self.admin()
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        for made in admin.create_topics([topic], request_timeout=20).values():
            made.result()
        return name

    def delete_topic(self, name: str) -> None:
        """Delete a topic with what it holds."""
        admin = self.admin()
        for deleted in admin.delete_topics([name], request_timeout=20).values():
            deleted.result()

    def admin(self) -> Any:
        """An AdminClient of confluent-kafka."""
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 0})


def build() -> Path:
    """The folder of Kafka's libraries, fetched if need be (10 to 30 seconds)."""
    return built(RECIPE)


def installed() -> Path:
    """The folder of Kafka's libraries from the cache; PartMissing if it is not there."""
    return cached(RECIPE)


@contextmanager
def run(
    *, directory: Path, ports: Ports | None = None, security: Security | None = None, name: str = "kafka"
) -> Iterator[Kafka]:
    """A broker without topics whose log lives in `directory`; its data is removed at the end."""
    ports = ports or Ports(*free_ports(3))
    data = directory / f"{name}-data"
    settings = directory / f"{name}.properties"
    directory.mkdir(parents=True, exist_ok=True)
    settings.write_text(_properties(ports, data, security))
    _format(settings, directory / f"{name}-format.log")
    kafka = Kafka(
        name=name,
        argv=_java("kafka.Kafka", str(settings)),
        env={},
        directory=directory,
        ready=lambda: _answers(kafka),
        ports=ports,
    )
    try:
        yield kafka.start()
    finally:
        kafka.kill()
        shutil.rmtree(data, ignore_errors=True)


def _answers(kafka: Kafka) -> bool:
    """Whether the broker tells of itself, which it does once it is registered and unfenced."""
    from confluent_kafka import KafkaException

    with socket.socket() as probe:
        if probe.connect_ex((LOOPBACK, kafka.ports.plain)):
            return False
    try:
        return len(kafka.admin().list_topics(timeout=5).brokers) == 1
    except KafkaException:
        return False


def _java(main: str, *arguments: str) -> list[str]:
    logging = f"-Dlog4j.configuration=file:{HERE / 'log4j.properties'}"
    return ["java", *SMALL_JVM, logging, "-cp", f"{installed()}/*", main, *arguments]


def _format(settings: Path, log: Path) -> None:
    """Write the empty storage with a cluster id of its own."""
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    argv = _java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings))
    with log.open("wb") as output:
        done = subprocess.run(argv, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise PartFailed(f"kafka's storage was not made; its output:\n{log.read_text(errors='replace')}")


def _properties(ports: Ports, data: Path, security: Security | None) -> str:
    listeners = {
        "PLAINTEXT": f"{LOOPBACK}:{ports.plain}",
        "CONTROLLER": f"{LOOPBACK}:{ports.controller}",
    }
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    if security:
        listeners["SECURE"] = f"localhost:{ports.secure}"
        protocols["SECURE"] = "SASL_SSL"
    advertised = {name: address for name, address in listeners.items() if name != "CONTROLLER"}
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{listeners['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": _joined(listeners, "://"),
        "advertised.listeners": _joined(advertised, "://"),
        "listener.security.protocol.map": _joined(protocols, ":"),
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "log.index.size.max.bytes": "1048576",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",  # so long a killed broker's successor has to wait
        "num.network.threads": "2",
        "num.io.threads": "2",
        **(_secure(security) if security else {}),
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _secure(security: Security) -> dict[str, str]:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    users = " ".join(f'user_{name}="{password}"' for name, password in security.users.items())
    return {
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(security.keystore),
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": f"{module} required {users};",
    }


def _joined(entries: Mapping[str, str], between: str) -> str:
    return ",".join(f"{name}{between}{value}" for name, value in entries.items())
