"""Prints events as a tree of runs: what each read and wrote, which columns come from which, and why it failed."""

from typing import Any

from otel_bridge.testing import Events

MARKS = {"COMPLETE": "ok", "FAIL": "FAILED", "ABORT": "aborted", "START": "running"}


def print_tree(events: Events) -> None:
    """Runs below their parents, in the order in which they started."""
    last = {e["run"]["runId"]: e for e in events if "run" in e}
    children: dict[str, list[str]] = {}
    for run_id, event in last.items():
        parent = event["run"]["facets"].get("parent", {}).get("run", {}).get("runId", "")
        children.setdefault(parent if parent in last else "", []).append(run_id)
    _branch(last, children, "", "")


def _branch(last: dict[str, Any], children: dict[str, list[str]], parent: str, indent: str) -> None:
    for run_id in children.get(parent, []):
        event = last[run_id]
        trace = f"  trace {event['run']['facets']['otel_trace']['traceId']}"
        print(f"{indent}{event['job']['name']}  [{MARKS[event['eventType']]}]{'' if indent else trace}")
        for dataset in event["inputs"]:
            print(f"{indent}   <- {dataset['name']}{_rows(dataset)}{_assertions(dataset)}")
        for dataset in event["outputs"]:
            print(f"{indent}   -> {dataset['name']}{_rows(dataset)}")
            _columns(dataset, f"{indent}      ")
        error = event["run"]["facets"].get("errorMessage")
        if error:
            print(f"{indent}   !! {error['message'].splitlines()[0]}")
        _branch(last, children, run_id, indent + "    ")


def _columns(dataset: dict[str, Any], indent: str) -> None:
    fields = dataset["facets"].get("columnLineage", {}).get("fields", {})
    for name, lineage in fields.items():
        sources = [
            f"{one['name'].rpartition('.')[2]}.{one['field']}"
            for one in lineage["inputFields"]
            if any(how["type"] == "DIRECT" for how in one.get("transformations", [{"type": "DIRECT"}]))
        ]
        if sources:
            print(f"{indent}{name} = {', '.join(sorted(sources))}")


def _rows(dataset: dict[str, Any]) -> str:
    both = dataset.get("inputFacets", {}) | dataset.get("outputFacets", {})
    for key in ("outputStatistics", "inputStatistics"):
        if "rowCount" in both.get(key, {}):
            return f"  ({both[key]['rowCount']} rows)"
    return ""


def _assertions(dataset: dict[str, Any]) -> str:
    found = dataset.get("inputFacets", {}).get("dataQualityAssertions", {}).get("assertions", [])
    return "".join(f"  {one['assertion']}: {'holds' if one['success'] else 'does not hold'}" for one in found)
