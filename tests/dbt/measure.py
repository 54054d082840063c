"""`python -m tests.dbt.measure PROJECT [DBT ARGUMENTS]`: builds any dbt project before a bridge and says what came out.

For a project that is not ours, such as a checkout of dbt-labs/jaffle-shop: give it a `profiles.yml`, install its packages (`dbt deps`,
or `local:` packages where there is no network), load its seeds; then run this. It works on a copy, but in the project's own
database unless the profile names a file below the project.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from otel_bridge.testing import BridgeProcess
from tests.dbt.lineage import datasets, ends
from tests.dbt.running import Outcome, Project, dangling, settled

TABLES = (
    "select table_catalog || '.' || table_schema || '.' || table_name as name from information_schema.tables"
)


def main(folder: Path, arguments: list[str]) -> int:
    """Print the figures; 0 if every column is resolved and every dataset exists."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(folder).copied(Path(scratch))
        with BridgeProcess(Path(scratch) / "bridge") as bridge:
            outcome = project.dbt(*(arguments or ["build"]), bridge=bridge)
            events = settled(bridge, 120)
        found = ends(events)
        known = tables(project)
        phantoms = sorted(
            name
            for namespace, name in datasets(events)
            if not (Path(name).exists() if namespace == "file" else name.lower() in known)
        )
        coverage = {
            job: each["run"]["facets"].get("otel_lineage_coverage", {}) for job, each in found.items()
        }
        traces = {e["run"]["facets"]["otel_trace"]["traceId"] for e in events if "run" in e}
        print(f"exit code {outcome.code}; {last(outcome)}")
        kinds = Counter((e["job"]["facets"]["jobType"]["jobType"], e["eventType"]) for e in found.values())
        print(
            f"{len(events)} events, {len(found)} runs, {len(traces)} trace(s), dangling: {sorted(dangling(events))}"
        )
        print(", ".join(f"{count} {kind} {state}" for (kind, state), count in sorted(kinds.items())))
        models = {j: c for j, c in coverage.items() if c and j.startswith("model.")}
        resolved, columns = (sum(c.get(key, 0) for c in models.values()) for key in ("resolved", "columns"))
        print(f"columns: {resolved} of {columns} in {len(models)} models")
        for job, each in coverage.items():
            if each.get("reasons"):
                print(f"  {job}: {json.dumps(each['reasons'])}")
        print(f"phantom datasets: {len(phantoms)} {phantoms}")
    return 0 if resolved == columns and not phantoms else 1


def tables(project: Project) -> set[str]:
    """What the project's own database has, by its own dbt, in lower case."""
    words = ("show", "--quiet", "--inline", TABLES, "--limit", "-1", "--output", "json")
    shown = project.dbt(*words).output
    rows = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["show"]
    return {next(iter(row.values())).lower() for row in rows}


def last(outcome: Outcome) -> str:
    """The line with the counts."""
    return next((line for line in reversed(outcome.output.splitlines()) if "Done." in line), "")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
