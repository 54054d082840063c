"""Writes everything that is generated from the tables in `convention/`; with `--check` only compares.

Run it as `python -m convention` from the checkout.
"""

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
TABLE: dict[str, Any] = yaml.safe_load((ROOT / "convention/attributes.yaml").read_text())
PRODUCERS: dict[str, str] = {
    "dbt": "otel-bridge-dbt/dbt_otel_bridge",
    "dagster": "otel-bridge-dagster/otel_bridge_dagster",
    "iceberg": "otel-bridge-pyiceberg/otel_bridge_pyiceberg",
}
"""Tables of producers that have an instrumentation of ours, and where it is: package and import name."""
HEADER = "Generated from convention/attributes.yaml by `python -m convention`; edit the table."


def constants() -> str:
    """The Python module of constants, the same for the bridge and for otel-lineage."""
    lines = [
        f'"""The attribute convention, version {TABLE["version"]}: names as constants.',
        "",
        HEADER,
        '"""',
        "",
        "from typing import Final",
        "",
    ]
    for row in TABLE["attributes"] + TABLE["log_events"]:
        lines.append(f'{row["constant"]}: Final = "{row["name"]}"')
        lines += [f'{row["constant"]}_{value.upper()}: Final = "{value}"' for value in row.get("values", ())]
    keys = "".join(f'    "{row["name"]}",\n' for row in TABLE["dataset"])
    told = "".join(f'    "{name}",\n' for name in TABLE["io"])
    lines += ["", "DATASET_KEYS: Final = (", keys.rstrip("\n"), ")"]
    lines += ["", "IO_ATTRIBUTES: Final = (", told.rstrip("\n"), ")", ""]
    return "\n".join(lines)


def reference() -> str:
    """docs/attributes.md."""
    out = ["# Attribute convention", "", f"<!-- {HEADER} -->", ""]
    out += [
        f"Version {TABLE['version']}. Maps and lists may also be given as JSON strings, for SDKs whose attributes are flat.",
        "",
    ]
    out += ["## Span attributes", "", "| attribute | type | where | meaning |", "|---|---|---|---|"]
    out += [f"| `{r['name']}` | {r['type']} | {r['where']} | {r['doc']} |" for r in TABLE["attributes"]]
    told = ", ".join(f"`{name}`" for name in TABLE["io"])
    out += [
        "",
        "## Spans inside runs",
        "",
        f"A span inside a run that has one of {told} says what the run read or wrote: [dialects](dialects.md).",
        "",
        "## Log events",
        "",
        "Sent by OTLP logs with the ids of the span they belong to.",
        "",
        "| event name | meaning |",
        "|---|---|",
    ]
    out += [f"| `{r['name']}` | {r['doc']} |" for r in TABLE["log_events"]]
    out += ["", "## Keys of a dataset map", ""]
    out += [
        "`namespace` and `name` identify the dataset; `facets`, `inputFacets` and `outputFacets` take facets in OpenLineage's own shape.",
        "",
    ]
    out += ["| key | type | facet |", "|---|---|---|"]
    out += [f"| `{r['name']}` | {r['type']} | {r['facet']} |" for r in TABLE["dataset"]]
    return "\n".join(out) + "\n"


def producer_constants(table: dict[str, Any]) -> str:
    """The Python module of a producer's constants, the same for the bridge and for its instrumentation."""
    lines = [
        f'"""{title(table)}, version {table["version"]}: names as constants.',
        "",
        header(table),
        '"""',
        "",
        "from typing import Final",
        "",
        f"TABLE_VERSION: Final = {table['version']}",
    ]
    for row in table["attributes"]:
        lines.append(f'{row["constant"]}: Final = "{row["name"]}"')
        lines += [f'{row["constant"]}_{value.upper()}: Final = "{value}"' for value in row.get("values", ())]
    for keys in table["maps"]:
        names = "".join(f'    "{row["name"]}",\n' for row in keys["rows"])
        lines += ["", f"{keys['constant']}: Final = (", names.rstrip("\n"), ")"]
    return "\n".join([*lines, ""])


PRODUCER_INTRO = (
    "Version {version}. What `otel-bridge-{file}` says of a run beside "
    "[the convention](attributes.md). Maps and lists are JSON strings."
)


def producer_reference(table: dict[str, Any]) -> str:
    """docs/<producer>-attributes.md."""
    out = [f"# {title(table)}", "", f"<!-- {header(table)} -->", ""]
    out += [
        table.get("intro", PRODUCER_INTRO).format(version=table["version"], file=table["file"]),
        "",
        "| attribute | type | where | meaning |",
        "|---|---|---|---|",
    ]
    out += [
        f"| `{r['name']}` | {r['type']} | {r['where']} | {r['doc'].replace(' | ', ', ')} |"
        for r in table["attributes"]
    ]
    for keys in table["maps"]:
        out += ["", f"## {keys['title']}", "", "| key | type | meaning |", "|---|---|---|"]
        out += [
            f"| `{r['name']}` | {r['type'].replace(' | ', ', ')} | {r['doc'].replace(' | ', ', ')} |"
            for r in keys["rows"]
        ]
    return "\n".join(out) + "\n"


def title(table: dict[str, Any]) -> str:
    """What the page and the modules are about."""
    return str(table.get("title", f"Attributes of {table['producer']} runs"))


def header(table: dict[str, Any]) -> str:
    """What a generated file says of its origin."""
    return HEADER.replace("attributes.yaml", f"{table['file']}.yaml")


NEEDED = ("openlineage.job.name", "openlineage.run.id", "airflow.dag_id", "prefect.run.id")
"""Each span that is read has one of these, of the convention and of tools that send spans of their own."""
SCOPES = r'IsMatch(instrumentation_scope.name, "^(dbt([._-]|$)|dagster_otel$)")'
"""Or it is of dbt-core (from 1.12.1), dbt v2 or dagster-otel, which have no attribute in common."""


def filters() -> dict[str, str]:
    """OTTL conditions of the gateway, by the name in their marker comment. A filter drops what it matches."""
    return {
        "lineage filter": " and ".join(
            (
                *(f'span.attributes["{name}"] == nil' for name in NEEDED),
                f"not {SCOPES.replace('instrumentation_', '')}",
            )
        ),
        "lineage log filter": " and ".join(
            f"({condition})"
            for condition in (
                r'not IsMatch(log.event_name, "^openlineage\\.")',
                'log.event_name != "exception"',
                r'log.attributes["event.name"] == nil or not IsMatch(log.attributes["event.name"], "^(openlineage\\.|exception$)")',
            )
        ),
        "tracing filter": 'span.attributes["openlineage.export"] == "lineage"',
        "lineage sampling": " or ".join((*(f'attributes["{name}"] != nil' for name in NEEDED), SCOPES)),
    }


def with_filters(text: str) -> str:
    """The gateway's configuration with each condition between its markers."""
    for name, condition in filters().items():
        pattern = re.compile(rf"(?P<indent> *)# generated: {name}\n.*?# end generated", re.DOTALL)
        block = f"# generated: {name}\n- {condition}\n# end generated"
        text = pattern.sub(lambda m, b=block: textwrap.indent(b, m["indent"]), text)
    return text


def outputs() -> dict[Path, str]:
    """Every generated file and its content."""
    files = {
        ROOT / "otel_bridge/convention.py": constants(),
        ROOT / "instrumentation/otel-lineage/otel_lineage/attributes.py": constants(),
        ROOT / "docs/attributes.md": reference(),
    }
    for name, folder in PRODUCERS.items():
        table = {**yaml.safe_load((ROOT / f"convention/{name}.yaml").read_text()), "file": name}
        package = ROOT / "instrumentation" / folder
        files[ROOT / f"otel_bridge/extract/dialects/{name}/attributes.py"] = producer_constants(table)
        files[package / "attributes.py"] = producer_constants(table)
        files[ROOT / f"docs/{name}-attributes.md"] = producer_reference(table)
    gateway = ROOT / "collector-config/gateway.yaml"
    if gateway.exists():
        files[gateway] = with_filters(gateway.read_text())
    return files


def main() -> int:
    """Write, or compare with `--check`; 1 if something differs."""
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run python -m convention")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(outputs()[path])
    return 0


sys.exit(main())
