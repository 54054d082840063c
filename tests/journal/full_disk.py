"""Appends under a limit of the file size (as a full disk would be), lifts it, goes on. Reports in JSON.

Usage: full_disk.py DIRECTORY SEED
"""

import asyncio
import json
import random
import resource
import sys
from pathlib import Path

from otel_bridge.journal import AcceptedLog, GroupCommit
from otel_bridge.model import Accepted, Kind, Tally, Unavailable
from otel_bridge.settings import Journal


def limit(size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


async def main(directory: str, seed: str) -> None:
    rng = random.Random(int(seed))
    journal = GroupCommit(AcceptedLog.open(Path(directory), Journal()))
    report = {"kept": [], "refused": [], "troubles": 0, "cleared": 0}
    for turn in range(3):
        limit(rng.randrange(100_000, 3_000_000) * (turn + 1))
        refused = 0
        while refused < 3:
            name = f"{turn}-{len(report['kept'])}-{len(report['refused'])}"
            row = Accepted(Kind.SPAN, name.encode(), name.encode().ljust(rng.randrange(100, 200_000), b"."))
            try:
                await journal.commit([row], Tally(1))
                report["kept"].append(name)
            except Unavailable:
                report["refused"].append(name)
                refused += 1
        journal.note(Tally(5, 5))
        report["troubles"] += bool(journal.trouble)
        limit(resource.RLIM_INFINITY)
        for _ in range(500):
            if not journal.trouble:
                break
            await asyncio.sleep(0.01)
        report["cleared"] += not journal.trouble
    await journal.close()
    print(json.dumps(report))


asyncio.run(main(*sys.argv[1:]))
