"""docs/operations.md and docs/metrics.md name what the bridge says, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otel_bridge.assemble.assembler import COUNTED
from otel_bridge.kafka import SourceState
from otel_bridge.testing import BridgeProcess

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()
BY_REASON = {"received.rejected", "events", "omissions", "assembly"}
BY_REASON |= {"destinations[].dead_reasons", "destinations[].attempts"}
BY_REASON |= {"column_lineage.gaps", "column_lineage.statements"}
BY_REASON |= {"identity.conflicts", "identity.refused"}
BY_REASON |= {"destinations[].skipped_reasons", "destinations[].shed"}


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str) -> set[str]:
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and path not in BY_REASON:
        for name, inner in value.items():
            yield from keys(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield from keys(value[0], f"{path}[]")
    else:
        yield path


def test_every_key_of_health_and_every_file(lineage_bridge: BridgeProcess) -> None:
    health = lineage_bridge.health()
    assert health.pop("sources") == []
    sources = {f"sources[].{name}" for name in SourceState.__struct_fields__}
    assert set(keys(health)) | sources == rows(section(OPERATIONS, "Health"))
    patterns = rows(section(OPERATIONS, "The data directory"))
    files = [path.name for path in lineage_bridge.data_dir.iterdir()]
    assert len(files) > 5
    assert [name for name in files if not any(Path(name).match(p) for p in patterns)] == []
    assert [p for p in patterns if not any(Path(name).match(p) for name in files)] == []


def test_every_finding() -> None:
    sources = [
        path.read_text()
        for part in ("assemble", "service", "openlineage")
        for path in (ROOT / "otel_bridge" / part).rglob("*.py")
    ]
    counted = {
        name for text in sources for name in re.findall(r'counts\["(\w+)"\] \+=|"assembly:(\w+)"', text)
    }
    assert {a or b for a, b in counted} | COUNTED.keys() == rows(section(METRICS, "Findings"))
