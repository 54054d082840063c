"""Folders in which dbt leaves its artifacts: looked at every second, read when a file has stayed as it is.

A folder need not exist yet. A file that is half written can't be read, and is looked at again when it changes. After a
restart all files are read once more, and what they say is known by then.
"""

import asyncio
import stat
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from otel_bridge.extract.dialects.dbt.artifacts import FILES
from otel_bridge.extract.dialects.dbt.pieces import CATALOG, MANIFEST, RUN_RESULTS, SOURCES
from otel_bridge.model import Unavailable
from otel_bridge.receive.artifact_files import read_file
from otel_bridge.receive.artifacts import Artifacts

EVERY_S = 1.0
SETTLED_NS = 1_000_000_000
"""A file that did not change for so long is whole, or will be looked at again."""

ORDER = (CATALOG, SOURCES, RUN_RESULTS, MANIFEST)
"""With results and manifest an invocation is complete."""

Seen = tuple[int, int, int]
"""Time of the last change (ns), size and inode of a file."""

log = structlog.get_logger()


class Watch:
    """Some folders. `keep` makes durable what was read; files older than `keep_s` are of no use."""

    def __init__(
        self, folders: Sequence[str], keep: Callable[[Artifacts], Awaitable[None]], keep_s: float
    ) -> None:
        self._folders = [Path(folder).expanduser() for folder in folders]
        self._keep = keep
        self._keep_s = keep_s
        self._seen: dict[Path, Seen] = {}
        self._known: dict[Path, Seen] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while self._folders:
            for folder in self._folders:
                try:
                    await self._look(folder)
                except Exception:
                    log.exception("watching_failed", folder=str(folder))
            await asyncio.sleep(EVERY_S)

    async def _look(self, folder: Path) -> None:
        changed = [path for kind in ORDER if self._changed(path := folder / FILES[kind])]
        manifest, catalog = folder / FILES[MANIFEST], folder / FILES[CATALOG]
        if manifest in changed and catalog in self._known and catalog not in changed:
            changed.insert(0, catalog)
        for path in changed:
            beside = manifest if path == catalog and manifest.exists() else None
            await self._take(path, beside)

    def _changed(self, path: Path) -> bool:
        """Whether the file is another one than was read last, and stayed as it is since the last look."""
        try:
            found = path.stat()
        except OSError:
            found = None
        if found is None or not stat.S_ISREG(found.st_mode):  # reading a pipe would never end
            self._seen.pop(path, None)
            return False
        now: Seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        same, self._seen[path] = self._seen.get(path) == now, now
        age_ns = time.time_ns() - found.st_mtime_ns
        settled = same or age_ns > SETTLED_NS
        return settled and self._known.get(path) != now and age_ns < self._keep_s * 1e9

    async def _take(self, path: Path, beside: Path | None) -> None:
        seen = self._seen[path]
        try:
            found = await asyncio.to_thread(read_file, path, beside)
            if found.rows:
                await self._keep(found)
        except Unavailable as error:
            log.warning("an artifact waits to be read again", file=str(path), error=str(error))
            return
        except OSError as error:
            log.info("an artifact can't be read at the moment", file=str(path), error=str(error))
            return
        self._known[path] = seen
        if found.taken is None:
            log.warning("a file is no artifact that can be used", file=str(path), reason=found.message)
        else:
            log.info(
                "artifact_read", file=str(path), invocation=found.taken.invocation_id, nodes=found.taken.nodes
            )
