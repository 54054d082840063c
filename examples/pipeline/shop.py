"""What the steps share: the database, and the names of its tables as datasets."""

import sqlite3
from pathlib import Path
from typing import Any

COLUMNS = "SELECT name, type FROM pragma_table_info(?)"


def connect(folder: Path) -> sqlite3.Connection:
    """The shop's database, a file in `folder`."""
    return sqlite3.connect(folder / "shop.db")


def table(connection: sqlite3.Connection, folder: Path, name: str) -> dict[str, Any]:
    """A table as a dataset: its identity and its schema."""
    columns = [{"name": c, "type": t} for c, t in connection.execute(COLUMNS, (name,))]
    return {"namespace": f"sqlite://{folder / 'shop.db'}", "name": name, "schema": columns}
