"""SQL by name: `sql/<file>.sql` holds statements, each after `-- name: <name>` and a sentence on what for."""

from functools import cache
from importlib.resources import files

MARK = "-- name:"


@cache
def load(file: str) -> dict[str, str]:
    """The statements of `sql/<file>.sql`, by name."""
    text = (files("otel_bridge.journal") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    return dict(_statement(part) for part in text.split(MARK)[1:])


def _statement(part: str) -> tuple[str, str]:
    name, _, rest = part.partition("\n")
    lines = [line for line in rest.splitlines() if not line.startswith("--")]
    return name.strip(), "\n".join(lines).strip().removesuffix(";")
