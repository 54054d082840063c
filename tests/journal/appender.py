"""Commits rows from several tasks at once and names each one on stdout after it was acknowledged.

Usage: appender.py DIRECTORY ROUND
"""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from otel_bridge.journal import AcceptedLog, GroupCommit
from otel_bridge.model import Accepted, Kind, Tally
from otel_bridge.settings import Journal

TASKS = 8


async def produce(journal: GroupCommit, prefix: str) -> None:
    for number in count():
        names = [f"{prefix}-{number}-{i}" for i in range(1 + number % 4)]
        rows = [Accepted(Kind.SPAN, name.encode(), name.encode().ljust(2500)) for name in names]
        await journal.commit(rows, Tally(len(rows) + 3, 3))
        os.write(1, "".join(name + "\n" for name in names).encode())


async def main(directory: str, turn: str) -> None:
    journal = GroupCommit(AcceptedLog.open(Path(directory), Journal()))
    await asyncio.gather(*(produce(journal, f"{turn}-{task}") for task in range(TASKS)))


asyncio.run(main(*sys.argv[1:]))
