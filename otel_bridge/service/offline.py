"""`otel-bridge convert`: files of OTLP into OpenLineage, deterministically, by the same code as `serve`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from otel_bridge.assemble import MemoryRecords
from otel_bridge.extract import MARKERS
from otel_bridge.model import Accepted, Event, Malformed, Omission
from otel_bridge.receive import Selection, transcode
from otel_bridge.service.columns import ColumnStage
from otel_bridge.service.conversion import Conversion
from otel_bridge.settings import Settings

Signal = Literal["traces", "logs"]


def convert_files(
    contents: Iterable[tuple[str, bytes]],
    settings: Settings,
    signal: Signal = "traces",
    on_unusable: Callable[[Omission], object] = lambda _: None,
) -> Iterator[Event]:
    """Events of some files, given as (name, content), which together are one input.

    A content is OTLP/JSON, one request a line or one in all, or one binary request of the given signal. Time
    stands still while the input is read, so that the result depends on nothing else; runs that wait for a parent
    are resolved at the end. `on_unusable` hears of what gives no event although it was meant as lineage.

    Raises:
        Malformed: naming the file and the line that are not OTLP.
    """
    columns = ColumnStage.of_settings(settings.column_lineage)
    try:
        conversion = Conversion(settings, MemoryRecords(), columns=columns)
        seen: set[bytes] = set()
        for row in _rows(contents, settings, signal):
            if row.key not in seen:
                seen.add(row.key)
                yield from conversion.feed(row.kind, row.payload, 0)
                for omission in conversion.take_unusable():
                    on_unusable(omission)
        yield from conversion.drain()
    finally:
        if columns is not None:
            columns.close()


def _rows(contents: Iterable[tuple[str, bytes]], settings: Settings, signal: Signal) -> Iterator[Accepted]:
    selection = Selection(MARKERS, settings.receive, settings.runs.parent_wait)
    for name, content in contents:
        for where, each, body in _requests(name, content, signal):
            try:
                yield from selection.select(each, body, 0).rows
            except Malformed as error:
                raise Malformed(f"{where}: {error}") from None


def _requests(name: str, content: bytes, signal: Signal) -> Iterator[tuple[str, Signal, bytes]]:
    """(where, signal, protobuf request) of each request in a file."""
    if content.lstrip()[:1] != b"{":
        yield name, signal, content
        return
    lines = content.splitlines()
    if not _whole(lines[0]):
        lines = [content]
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{name}, line {number}"
            yield where, *_json(where, line)


def _whole(line: bytes) -> bool:
    """Whether a first line is a JSON value by itself, so that the file is one request a line."""
    import msgspec

    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _json(where: str, body: bytes) -> tuple[Signal, bytes]:
    signal: Signal = "logs" if b'"resourceLogs"' in body or b'"resource_logs"' in body else "traces"
    try:
        return signal, transcode(signal, body)
    except Malformed as error:
        raise Malformed(f"{where}: {error}") from None
