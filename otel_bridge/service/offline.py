"""`otel-bridge convert`: OTLP or artifacts of dbt into OpenLineage, deterministically, by the same code as `serve`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from otel_bridge.assemble import MemoryRecords
from otel_bridge.extract import markers
from otel_bridge.extract.dialects.dbt.artifacts import FILES, kind_of
from otel_bridge.extract.dialects.dbt.pieces import MANIFEST, RESULTS, SCOPE, MemoryPieces
from otel_bridge.model import Accepted, BridgeError, Event, Malformed, Omission
from otel_bridge.receive import Selection, transcode
from otel_bridge.receive.artifacts import select
from otel_bridge.service.columns import ColumnStage
from otel_bridge.service.conversion import Conversion
from otel_bridge.settings import Settings

Signal = Literal["traces", "logs"]


def convert_files(
    contents: Iterable[tuple[str, bytes]],
    settings: Settings,
    signal: Signal = "traces",
    on_unusable: Callable[[Omission], object] = lambda _: None,
    artifacts: Sequence[bytes] = (),
) -> Iterator[Event]:
    """Events of some files, given as (name, content), which together are one input.

    A content is OTLP/JSON, one request a line or one in all, or one binary request of the given signal. Time
    stands still while the input is read, so that the result depends on nothing else; runs that wait for a parent
    are resolved at the end. `on_unusable` hears of what gives no event although it was meant as lineage. `artifacts` of
    dbt complete its own spans.

    Raises:
        Malformed: naming the file and the line that are not OTLP.
    """
    columns = ColumnStage.of_settings(settings.column_lineage)
    try:
        conversion = Conversion(settings, MemoryRecords(), columns=columns)
        for row in _artifact_rows(artifacts):
            yield from conversion.feed(row.kind, row.payload, 0)
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


def convert_artifacts(
    artifacts: Sequence[bytes], settings: Settings, namespace: str | None = None
) -> Iterator[Event]:
    """Events of the finished run of dbt that left these artifacts, in its own times; the same for the same artifacts.

    Jobs are in the given namespace, or in that of a resource without attributes.

    Raises:
        BridgeError: what makes a run is not there; says what is missing.
    """
    columns = ColumnStage.of_settings(settings.column_lineage)
    pieces = MemoryPieces()
    try:
        conversion = Conversion(settings, MemoryRecords(), columns=columns, pieces=pieces)
        for row in _artifact_rows(artifacts):
            conversion.feed(row.kind, row.payload, 0)
        invocation_id = _run_of(artifacts)
        yield from conversion.finished(
            invocation_id, pieces.parts(f"{SCOPE}{invocation_id}", RESULTS), namespace
        )
    finally:
        if columns is not None:
            columns.close()


def read_folder(folder: Path) -> list[bytes]:
    """The artifacts in dbt's target folder; the manifest first.

    Raises:
        BridgeError: there is no manifest in it.
    """
    found = {kind: folder / name for kind, name in FILES.items() if (folder / name).is_file()}
    if MANIFEST not in found:
        raise BridgeError(f"{folder} has no manifest.json. Give dbt's target folder, as a run left it.")
    return [path.read_bytes() for path in found.values()]


def _artifact_rows(artifacts: Sequence[bytes]) -> Iterator[Accepted]:
    """Rows of artifacts, of which the first is the manifest."""
    for body in artifacts:
        found = select(body, artifacts[0])
        if not found.rows:
            raise BridgeError(found.message)
        yield from found.rows


def _run_of(artifacts: Sequence[bytes]) -> str:
    """The invocation that both the manifest and results are of."""
    heads = [kind_of(body) for body in artifacts]
    [wanted] = [head.metadata.invocation_id for kind, head in heads if kind == MANIFEST]
    others = {FILES[kind]: head.metadata.invocation_id for kind, head in heads if kind in RESULTS}
    if wanted in others.values():
        return str(wanted)
    said = "; ".join(f"{name} is of {invocation}" for name, invocation in others.items())
    raise BridgeError(
        f"there are no results of the run that manifest.json is of ({wanted}{f'; {said}' if said else ''}). "
        "Give the folder as the run left it: another command of dbt may have written to it since."
    )


def _rows(contents: Iterable[tuple[str, bytes]], settings: Settings, signal: Signal) -> Iterator[Accepted]:
    selection = Selection(
        markers(settings.dialects, settings.mappings), settings.receive, settings.runs.parent_wait
    )
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
