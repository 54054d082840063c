"""pytest fixtures of the real parts.

Load them with `-p tests.parts.fixtures` or `pytest_plugins = ["tests.parts.fixtures"]`. The fixtures are
shared by the session; a test that kills or restarts a part runs one of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import jaeger, kafka, marquez, postgres
from tests.parts.required import require


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """The Collector's binary."""
    return require("collector")


@pytest.fixture(scope="session", name="jaeger")
def running_jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jaeger.Jaeger]:
    """A running Jaeger with an empty store at the start of the session."""
    require("jaeger")
    with jaeger.run(directory=tmp_path_factory.mktemp("jaeger")) as running:
        yield running


@pytest.fixture(scope="session", name="marquez")
def running_marquez(tmp_path_factory: pytest.TempPathFactory) -> Iterator[marquez.Marquez]:
    """A running Marquez with an empty database at the start of the session."""
    require("marquez")
    with marquez.run(directory=tmp_path_factory.mktemp("marquez")) as running:
        yield running


@pytest.fixture(scope="session", name="kafka")
def running_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    """A running Kafka broker without topics at the start of the session; name yours uniquely."""
    require("kafka")
    with kafka.run(directory=tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session", name="postgres")
def running_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Postgres]:
    """A running PostgreSQL with an empty database at the start of the session."""
    require("postgres")
    with postgres.run(directory=tmp_path_factory.mktemp("postgres")) as running:
        yield running
