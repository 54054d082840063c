"""Lines in a file, and on standard output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from delivering import Delivering, Log, destination, event, run_id, wait
from pydantic import TypeAdapter, ValidationError

from otel_bridge.deliver import KINDS
from otel_bridge.testing.events import Events


def lines(*files: Path) -> list[str]:
    return [line for file in files for line in file.read_text().splitlines()]


def delivered(log: Log, count: int, name: str = "file") -> None:
    wait(lambda: log.standing(name).delivered == count)


def test_relative_path_is_below_the_data_directory(log: Log) -> None:
    log.runs(range(50))
    with Delivering(log, destination("file", path="out/events.ndjson")):
        delivered(log, 100)
    events = Events.from_ndjson((log.directory / "out/events.ndjson").read_bytes())
    assert len(events) == 100
    assert all(types == ["START", "COMPLETE"] for types in events.runs().values())


def test_rotation_keeps_a_number_of_files(log: Log, tmp_path: Path) -> None:
    log.runs(range(100))
    size = len(event(run_id(1)).body)
    path = tmp_path / "e.ndjson"
    with Delivering(log, destination("file", path=str(path), max_size=size * 10, keep=3)):
        delivered(log, 200)
    assert sorted(f.name for f in tmp_path.glob("e.ndjson*")) == [
        "e.ndjson", "e.ndjson.1", "e.ndjson.2", "e.ndjson.3"
    ]  # fmt: skip
    assert {len(lines(tmp_path / f"e.ndjson.{n}")) for n in (1, 2, 3)} == {10}
    newest = lines(tmp_path / "e.ndjson.2", tmp_path / "e.ndjson.1", path)
    assert json.loads(newest[-1])["run"]["runId"] == run_id(99)


def test_a_file_that_logrotate_took_away_is_opened_anew(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    with Delivering(log, destination("file", path=str(path))):
        log.runs([1])
        delivered(log, 2)
        path.rename(tmp_path / "taken")
        log.runs([2])
        delivered(log, 4)
    assert (len(lines(tmp_path / "taken")), len(lines(path))) == (2, 2)


@pytest.mark.parametrize(
    ("left", "kept"),
    [(b'{"a": 1}\n{"b"', ['{"a": 1}']), (b'{"a": 1}', ['{"a": 1}']), (b'{"b"', []), (b"", [])],
)
def test_the_piece_of_a_line_that_a_crash_left_is_mended(
    log: Log, tmp_path: Path, left: bytes, kept: list[str]
) -> None:
    path = tmp_path / "e.ndjson"
    path.write_bytes(left)
    log.runs([1])
    with Delivering(log, destination("file", path=str(path), fsync="never")):
        delivered(log, 2)
    assert lines(path)[:-2] == kept


def test_a_disk_that_is_full_for_a_while(log: Log, tmp_path: Path) -> None:
    target = tmp_path / "dir"
    target.write_text("in the way")
    log.runs([1])
    with Delivering(log, destination("file", path=str(target / "e.ndjson"))) as delivering:
        wait(lambda: "can't write" in delivering.state("file").trouble)
        target.unlink()
        delivered(log, 2)
    assert len(lines(target / "e.ndjson")) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_write_that_fails_is_tried_again(log: Log) -> None:
    log.runs([1])
    with Delivering(log, destination("file", path="/dev/full"), drain_s=0) as delivering:
        wait(lambda: "No space left" in delivering.state("file").trouble)
    assert log.standing("file").waiting == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [({"path": ""}, "path"), ({"path": "a", "keep": 0}, "keep"), ({"path": "a", "max_size": 0}, "max_size")],
)
def test_wrong_options(options: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=f"{says} must"):
        TypeAdapter(KINDS["file"].options).validate_python(options)


def test_console_writes_to_standard_output(log: Log) -> None:
    log.runs([1])
    log.close()
    code = f"""
import asyncio, pathlib
from delivering import Deliveries, destination
async def main():
    stop = asyncio.Event()
    deliveries = Deliveries([destination("console")], pathlib.Path({str(log.directory)!r}))
    task = asyncio.create_task(deliveries.run(stop))
    while deliveries.states()[0].attempts.get("delivered") != 2:
        await asyncio.sleep(0.01)
    stop.set()
    await task
asyncio.run(main())
"""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert out.returncode == 0, out.stderr.decode()
    assert Events.from_ndjson(out.stdout).runs() == {run_id(1): ["START", "COMPLETE"]}
