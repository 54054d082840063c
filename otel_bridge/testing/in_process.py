"""The bridge without a process: OTLP bytes or SDK spans in, events out, nothing on disk."""

import json
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from otel_bridge.assemble import MemoryRecords
from otel_bridge.extract import markers
from otel_bridge.receive import Selection
from otel_bridge.service.columns import ColumnStage
from otel_bridge.service.conversion import Conversion
from otel_bridge.settings import Settings
from otel_bridge.testing.events import Events

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan


class InProcessBridge:
    """The same selection and conversion as the real one. `settings` as in the configuration, all optional.

    SQL is read in a process of its own, as there, which ends with this object.
    Time does not pass by itself: call `settle` when everything was sent, and runs that wait for a parent give
    their events.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings(data_dir="")
        self._selection = Selection(
            markers(settings.dialects, settings.mappings), settings.receive, settings.runs.parent_wait
        )
        columns = ColumnStage.of_settings(settings.column_lineage)
        if columns is not None:
            weakref.finalize(self, columns.close)
        self._conversion = Conversion(settings, MemoryRecords(), columns=columns)
        self._seen: set[bytes] = set()
        self._events: list[Any] = []

    def receive(self, signal: Literal["traces", "logs"], body: bytes) -> None:
        """Take a binary OTLP request; `signal` is "traces" or "logs"."""
        for row in self._selection.select(signal, body, 0).rows:
            if row.key not in self._seen:
                self._seen.add(row.key)
                self._events += self._conversion.feed(row.kind, row.payload, 0)

    def receive_spans(self, spans: "Sequence[ReadableSpan]") -> None:
        """Take finished spans of the OpenTelemetry SDK, such as an InMemorySpanExporter holds."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        self.receive("traces", encode_spans(spans).SerializeToString())

    def receive_logs(self, records: "Sequence[ReadableLogRecord]") -> None:
        """Take log records of the OpenTelemetry SDK, such as an InMemoryLogRecordExporter holds."""
        from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

        self.receive("logs", encode_logs(records).SerializeToString())

    def settle(self) -> Events:
        """Resolve what waits, and give all events so far."""
        self._events += self._conversion.drain()
        return self.events

    @property
    def events(self) -> Events:
        """All events so far."""
        return Events(json.loads(e.body) for e in self._events)
