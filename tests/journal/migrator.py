"""Migrates a database to the second version and dies before the statement with a given number.

Usage: migrator.py FILE STATEMENT
"""

import os
import sqlite3
import sys
from itertools import count
from pathlib import Path

from steps import STEPS

from otel_bridge.journal import schema

file, deadline = Path(sys.argv[1]), int(sys.argv[2])
connection = sqlite3.connect(file, isolation_level=None)
numbers = count()


def trace(statement: str) -> None:
    if next(numbers) == deadline:
        os._exit(9)


connection.set_trace_callback(trace)
schema.migrate(connection, file, STEPS)
