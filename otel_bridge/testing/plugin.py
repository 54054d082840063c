"""pytest fixtures, available wherever otel-bridge is installed.

- `lineage_sink`: a `Sink` that records the OpenLineage events sent to it.
- `lineage_bridge`: a running `BridgeProcess` that delivers to `lineage_sink` and to a file.
- `lineage_in_process`: an `InProcessBridge`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from otel_bridge.testing import BridgeProcess, InProcessBridge, Sink


@pytest.fixture
def lineage_sink() -> "Iterator[Sink]":
    """An OpenLineage endpoint on loopback."""
    from otel_bridge.testing import Sink

    with Sink() as sink:
        yield sink


@pytest.fixture
def lineage_bridge(tmp_path: Path, lineage_sink: "Sink") -> "Iterator[BridgeProcess]":
    """A real bridge; see `BridgeProcess.http_url` for the endpoint to export to."""
    from otel_bridge.testing import BridgeProcess

    directory = tmp_path / "bridge"
    archive = {"name": "archive", "type": "file", "path": str(directory / "events.ndjson")}
    sink = {"name": "sink", "type": "http", "url": lineage_sink.url}
    with BridgeProcess(directory, [sink, archive]) as bridge:
        yield bridge


@pytest.fixture
def lineage_in_process() -> "InProcessBridge":
    """The conversion alone, without a process."""
    from otel_bridge.testing import InProcessBridge

    return InProcessBridge()
