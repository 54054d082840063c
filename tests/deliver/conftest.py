from collections.abc import Iterator
from pathlib import Path

import pytest
from delivering import Log

from otel_bridge.testing.sink import Sink


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running
