"""A line from OTLP to Marquez: a bridge before a Marquez, and what tests of both ask and say."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.testing import BridgeProcess
from tests.otlp import Exporter, logs, traces
from tests.parts.marquez import Marquez


@dataclass(slots=True)
class Line:
    """A bridge that delivers to a Marquez; what is sent through it lands in a namespace of its own."""

    bridge: BridgeProcess
    marquez: Marquez
    domain: str
    expected: int = 0
    """Events that the bridge has to deliver for what was sent so far."""

    @property
    def jobs_at(self) -> str:
        """Job namespace of what is sent."""
        return f"floe.test.{self.domain}"

    @property
    def data_at(self) -> str:
        """A dataset namespace that nobody else uses."""
        return f"postgres://{self.domain}.example:5432"

    @property
    def resource(self) -> dict[str, str]:
        """Resource attributes of the sender."""
        return {
            "service.name": "shop",
            "service.namespace": self.domain,
            "deployment.environment.name": "test",
        }

    def program_env(self) -> dict[str, str]:
        """Environment of an instrumented program that sends to this line."""
        named = ",".join(f"{key}={value}" for key, value in self.resource.items())
        return self.bridge.program_env() | {"OTEL_RESOURCE_ATTRIBUTES": named}

    def table(self, name: str, **columns: str) -> dict[str, Any]:
        """A dataset, with the types of its columns if they are given."""
        known = {"schema": [{"name": column, "type": kind} for column, kind in columns.items()]}
        return {"namespace": self.data_at, "name": name} | (known if columns else {})

    def send(self, *spans: Span, events: int | None = None) -> None:
        """Send finished spans and wait until their events are delivered: two a span, unless told."""
        Exporter(self.bridge.endpoints.http).post("/v1/traces", traces(*spans, resource=self.resource))
        self.wait_for(2 * len(spans) if events is None else events)

    def announce(self, *records: Any) -> None:
        """Send log events, and wait until the event that each makes is delivered."""
        body = logs(*records, resource=self.resource)
        Exporter(self.bridge.endpoints.http).post("/v1/logs", body)
        self.wait_for(len(records))

    def wait_for(self, events: int, within_s: float = 60) -> None:
        """Wait until so many more events are delivered, and none is dead."""
        self.expected += events
        self.bridge.wait(lambda: self.delivered >= self.expected, f"delivers {self.expected}", within_s)
        destination = self.bridge.health()["destinations"][0]
        assert (destination["delivered"], destination["dead"]) == (self.expected, 0)

    @property
    def delivered(self) -> int:
        """Events that the destination has, by the bridge's own account."""
        return int(self.bridge.health()["destinations"][0]["delivered"])

    def edges(self, job: str) -> set[tuple[str, str]]:
        """(origin, destination) of the lineage graph around a job, by short names; it hangs together."""
        nodes = self.marquez.graph(f"job:{self.jobs_at}:{job}")
        edges = {
            (e["origin"], e["destination"]) for n in nodes.values() for e in n["inEdges"] + n["outEdges"]
        }
        assert {end for edge in edges for end in edge} == set(nodes), "a node without an edge"
        return {(self._short(origin), self._short(end)) for origin, end in edges}

    def column_edges(self, table: str) -> set[tuple[str, str]]:
        """(`table.column`, `table.column`) that lead to a table; Marquez turns inEdges around."""
        nodes = self.marquez.graph(f"dataset:{self.data_at}:{table}", "column-lineage")
        edges = {(e["destination"], e["origin"]) for node in nodes.values() for e in node["inEdges"]}
        return {(self._column(source), self._column(end)) for source, end in edges}

    def _short(self, node: str) -> str:
        return node.removeprefix(f"job:{self.jobs_at}:").removeprefix(f"dataset:{self.data_at}:")

    def _column(self, node: str) -> str:
        return node.removeprefix(f"datasetField:{self.data_at}:").replace(":", ".")


@contextmanager
def line_to(marquez: Marquez, directory: Path, **settings: Any) -> Iterator[Line]:
    """A bridge before this Marquez, with a namespace of its own."""
    destination = {"name": "marquez", "type": "http", "url": marquez.endpoint, "profile": "marquez"}
    with BridgeProcess(directory / "bridge", [destination | settings]) as bridge:
        yield Line(bridge, marquez, f"d{uuid.uuid4().hex[:8]}")
