"""The pure layers in process: selection, decoding, extraction, assembly and the building of events."""

import random
from collections.abc import Sequence

import msgspec

from chaos.fuzz import bodies
from chaos.fuzz.bodies import Bodies, Body
from chaos.fuzz.foreign import Events
from chaos.fuzz.outcome import Finding, Outcome
from otel_bridge.assemble import MemoryRecords
from otel_bridge.extract import markers
from otel_bridge.model import Event, Invalid, Refused
from otel_bridge.openlineage import foreign
from otel_bridge.openlineage.validate import SpecMissing, Validator
from otel_bridge.receive import Selection
from otel_bridge.receive.inflate import inflate
from otel_bridge.service.conversion import Conversion, ConversionFailed
from otel_bridge.settings import Settings

AT_ONCE = 1000
"""Inputs that share one table of runs, so that runs meet each other."""
SECOND = 10**9


class Pure:
    """Inputs to the layers, one after the other. Every event is checked against the official schemas if they are here."""

    door = "in process"

    def __init__(self, outcome: Outcome, seed: int, more: Sequence[bytes] = ()) -> None:
        self._outcome = outcome
        self._seed = seed
        self._source = Bodies(more)
        self._events = Events()
        self._settings = Settings(data_dir="")
        try:
            self._validator: Validator | None = Validator.official()
        except SpecMissing:
            self._validator = None

    def run(self, count: int) -> None:
        """So many inputs."""
        for start in range(0, count, AT_ONCE):
            chance = random.Random(f"{self._seed} in process {start}")
            self._together(start, min(AT_ONCE, count - start), chance)

    def _together(self, start: int, count: int, chance: random.Random) -> None:
        selection = Selection(markers(), self._settings.receive, 10.0)
        conversion = Conversion(self._settings, MemoryRecords())
        for number in range(count):
            body = self._source.any(chance)
            now = number * SECOND // 50
            if number % 10 == 0:
                self._foreign(start, chance)
            self._outcome.sent(self.door, body.kind)
            try:
                self._outcome.answered(self.door, self._one(body, selection, conversion, now, chance))
            except Exception as error:  # noqa: BLE001 - any is a finding
                self._outcome.found(
                    Finding(start, self.door, body.kind, _explained(error), body.content[:8192])
                )
                conversion = Conversion(self._settings, MemoryRecords())
        self._end(start, conversion)

    def _one(
        self, body: Body, selection: Selection, conversion: Conversion, now: int, chance: random.Random
    ) -> str:
        try:
            self._inflate(body, chance)
            select = selection.select if body.encoding == "protobuf" else selection.select_json
            selected = select(body.signal, body.content, now)
        except Refused as refusal:
            return type(refusal).__name__
        events = [e for row in selected.rows for e in conversion.feed(row.kind, row.payload, now)]
        events += conversion.tick(now)
        self._check(events)
        return "lineage" if selected.rows else "rejected" if selected.message else "no lineage"

    def _foreign(self, start: int, chance: random.Random) -> None:
        """An event of another producer: read, or refused with reasons; a type that is changed leaves it readable."""
        kind, body = self._events.body(chance)
        try:
            read = foreign.read(body)
            again = foreign.read(foreign.retyped(body, "OTHER"))
            if read.event.type not in {"JOB", "DATASET"} and again.event.type != "OTHER":
                self._outcome.found(
                    Finding(start, self.door, kind, f"retyped to {again.event.type}", body[:8192])
                )
        except Invalid:
            pass
        except Exception as error:  # noqa: BLE001 - any is a finding
            self._outcome.found(Finding(start, self.door, f"event, {kind}", _explained(error), body[:8192]))

    def _inflate(self, body: Body, chance: random.Random) -> None:
        if chance.random() < 0.05:
            _, encoding, content = bodies.compressed(body.content, chance)
            inflate(content, encoding, 1024**2)

    def _end(self, start: int, conversion: Conversion) -> None:
        try:
            self._check(conversion.drain())
        except Exception as error:  # noqa: BLE001 - any is a finding
            self._outcome.found(Finding(start, self.door, "the end of all waits", _explained(error)))

    def _check(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._validator:
                self._validator.check(event.body)
            else:
                msgspec.json.decode(event.body)


def _explained(error: BaseException) -> str:
    return (
        str(error)[-3000:]
        if isinstance(error, ConversionFailed)
        else f"{type(error).__name__}: {str(error)[:3000]}"
    )
