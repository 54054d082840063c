"""Artifacts of dbt at the receiving process: rows out of files, and folders that are watched."""

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.model import Kind, TooLarge, Unavailable
from otel_bridge.receive import Receiver, Selection, artifact_files
from otel_bridge.receive import artifacts as received
from otel_bridge.receive import watch as watching
from otel_bridge.receive.artifacts import Artifacts, chunk, select
from otel_bridge.receive.watch import Watch
from tests.dbt import recordings
from tests.receive.serving import MARKERS, Recording, receive

MANIFEST = (recordings.target("build") / "manifest.json").read_bytes()
CATALOG = (recordings.target("docs") / "catalog.json").read_bytes()
BUILD = recordings.invocation_id("build")


def test_one_artifact_is_one_row_or_several_and_the_last_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = select(MANIFEST).rows
    monkeypatch.setattr(received, "ROW_BYTES", 5000)
    found = select(MANIFEST)
    chunks = [chunk(one.payload) for one in found.rows]
    assert len(chunks) > 5
    assert [said.last for said in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {(said.invocation_id, said.kind) for said in chunks} == {(BUILD, "manifest")}
    assert tuple(part for said in chunks for part in said.parts) == chunk(row.payload).parts
    assert {one.kind for one in found.rows} == {Kind.ARTIFACT}
    assert found.tally.received == len(found.rows) == len({one.key for one in found.rows})


def test_the_same_artifact_has_the_same_keys() -> None:
    again = json.dumps(
        json.loads(MANIFEST) | {"metadata": json.loads(MANIFEST)["metadata"] | {"generated_at": "2027"}}
    )
    assert [row.key for row in select(again.encode()).rows] == [row.key for row in select(MANIFEST).rows]
    other = MANIFEST.replace(b"Orders that count.", b"Orders that do not.")
    assert select(other).rows[0].key != select(MANIFEST).rows[0].key


def test_a_catalog_belongs_to_the_run_whose_manifest_lies_beside_it() -> None:
    assert chunk(select(CATALOG).rows[0].payload).invocation_id == recordings.invocation_id("docs")
    of_the_run = chunk(select(CATALOG, MANIFEST).rows[0].payload)
    assert of_the_run.invocation_id == BUILD
    assert chunk(select(CATALOG, b"half a mani").rows[0].payload).invocation_id == recordings.invocation_id(
        "docs"
    )


def test_what_is_large_is_read_elsewhere_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = artifact_files.read(MANIFEST)
    monkeypatch.setattr(artifact_files, "AT_ONCE", 1)
    assert artifact_files.read(MANIFEST) == here
    (tmp_path / "catalog.json").write_bytes(CATALOG)
    (tmp_path / "manifest.json").write_bytes(MANIFEST)
    found = artifact_files.read_file(tmp_path / "catalog.json", tmp_path / "manifest.json")
    assert found == select(CATALOG, MANIFEST)
    refused = artifact_files.read(b'{"hello": 1}')
    assert (refused.rows, refused.message) == ((), select(b'{"hello": 1}').message)


def test_what_takes_too_long_or_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_files, "AT_ONCE", 1)
    monkeypatch.setattr(artifact_files, "WITHIN_S", 0.01)
    refused = artifact_files.read(MANIFEST)
    assert refused.rows == ()
    assert refused.tally.rejected == {received.INVALID_ARTIFACT: 1}
    assert "otel-bridge artifacts push" in refused.message


def answered(body: bytes, journal: Any, **limits: Any) -> Any:
    async def one() -> Any:
        settings = receive(**limits)
        return await Receiver(Selection(MARKERS, settings, 1.0), journal, settings).answer(
            "artifact", "json", body
        )

    return asyncio.run(one())


def test_it_is_durable_before_the_answer_and_counted() -> None:
    journal = Recording()
    answer = answered(MANIFEST, journal)
    assert (answer.taken.invocation_id, answer.taken.kind, answer.taken.nodes) == (BUILD, "manifest", 38)
    assert (len(journal.rows), journal.received) == (1, 1)
    journal.trouble = Unavailable("full")
    with pytest.raises(Unavailable):
        answered(MANIFEST, journal)


def test_what_is_none_is_counted_as_rejected() -> None:
    journal = Recording()
    answer = answered(b"[1]", journal)
    assert (answer.taken, answer.rejected) == (None, 1)
    assert [tally.rejected for tally in journal.tallies] == [{received.INVALID_ARTIFACT: 1}]


def test_over_the_limit() -> None:
    with pytest.raises(TooLarge):
        answered(MANIFEST, Recording(), max_request=1000)


class Folder:
    """A watched folder that is looked at when a test says so."""

    def __init__(self, path: Path, keep_s: float = 3600.0) -> None:
        self.path = path
        self.kept: list[Artifacts] = []
        self.trouble: Exception | None = None
        self.watch = Watch([str(path)], self._keep, keep_s)

    async def _keep(self, found: Artifacts) -> None:
        if self.trouble:
            raise self.trouble
        self.kept.append(found)

    def look(self) -> list[str]:
        """What was read in this look."""
        before = len(self.kept)
        asyncio.run(self.watch._look(self.path))
        return [found.taken.kind for found in self.kept[before:] if found.taken]

    def write(self, name: str, content: bytes, age_s: float = 10.0) -> None:
        self.path.mkdir(exist_ok=True)
        file = self.path / f"{name}.json"
        file.write_bytes(content)
        changed_ns = file.stat().st_mtime_ns - int(age_s * 1e9)
        os.utime(file, ns=(changed_ns, changed_ns))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "target")


def test_a_folder_that_is_not_there_yet(folder: Folder) -> None:
    assert folder.look() == []
    folder.write("manifest", MANIFEST)
    assert folder.look() == ["manifest"]
    assert folder.look() == []
    shutil.rmtree(folder.path)
    assert folder.look() == []
    folder.write("manifest", MANIFEST, age_s=5)
    assert folder.look() == ["manifest"]


def test_a_file_that_is_being_written_is_left_alone_until_it_stays_as_it_is(folder: Folder) -> None:
    folder.write("manifest", MANIFEST[:5000], age_s=0)
    assert folder.look() == []
    folder.write("manifest", MANIFEST[:9000], age_s=0)
    assert folder.look() == []
    folder.write("manifest", MANIFEST, age_s=0)
    assert folder.look() == []
    assert folder.look() == ["manifest"]


def test_half_a_file_is_read_again_when_it_is_whole(folder: Folder) -> None:
    folder.write("manifest", MANIFEST[:5000])
    assert folder.look() == []
    folder.write("manifest", MANIFEST, age_s=9)
    assert folder.look() == ["manifest"]


def test_while_nothing_can_be_kept_it_is_tried_again(folder: Folder) -> None:
    folder.write("manifest", MANIFEST)
    folder.trouble = Unavailable("full")
    assert folder.look() == []
    folder.trouble = None
    assert folder.look() == ["manifest"]


def test_a_catalog_is_that_of_every_run_after_it(folder: Folder) -> None:
    folder.write("catalog", CATALOG)
    assert folder.look() == ["catalog"]
    folder.write("manifest", MANIFEST)
    assert sorted(folder.look()) == ["catalog", "manifest"]
    assert {found.taken.invocation_id for found in folder.kept[1:]} == {BUILD}


def test_what_is_older_than_what_is_kept_is_not_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "target", keep_s=60)
    folder.write("manifest", MANIFEST, age_s=61)
    assert folder.look() == []


def test_one_folder_in_trouble_does_not_stop_the_others(folder: Folder, tmp_path: Path) -> None:
    folder.write("manifest", MANIFEST)

    async def soon() -> None:
        watch = Watch(["\0", str(folder.path)], folder._keep, 3600)
        task = asyncio.create_task(watch.run())
        while not folder.kept:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(soon(), 10))


def test_looks_are_apart() -> None:
    assert watching.EVERY_S * 1e9 >= watching.SETTLED_NS


def test_a_pipe_in_the_folder_holds_nothing_up(folder: Folder) -> None:
    folder.write("manifest", MANIFEST)
    os.mkfifo(folder.path / "catalog.json")
    before = time.time() - 10
    os.utime(folder.path / "catalog.json", (before, before))
    (folder.path / "sources.json").mkdir()
    assert asyncio.run(asyncio.wait_for(asyncio.to_thread(folder.look), 10)) == ["manifest"]
