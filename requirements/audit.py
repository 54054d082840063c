"""`python requirements/audit.py`: do the pins fit together, and is a vulnerability known in what the bridge runs on?

Pins are checked offline: each is met by what is installed, and meets pyproject.toml and the other packages; those of
dbt and of Dagster, which have environments of their own, likewise. Known vulnerabilities come from pip-audit, which
asks the package index. Where it can't, the audit is skipped with a reason and the check passes; with AUDIT=required in
the environment it fails. A finding fails the check until the package is updated, or the advisory accepted in
advisories.toml with a reason and a date of not more than half a year ahead.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LONGEST = dt.timedelta(days=183)
WITHIN_S = 120
BESIDE = {
    "dbt": ("otel-lineage", "otel-bridge-dbt"),
    "dagster": ("otel-lineage", "otel-bridge-dbt", "otel-bridge-dagster", "otel-bridge-pyiceberg"),
}
"""Environments beside our own, and what of ours is in each."""


def pins(file: Path) -> dict[str, str]:
    """Name -> version of the lines that apply here."""
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in wanted
        if one.marker is None or one.marker.evaluate()
    }


@dataclass(frozen=True, slots=True)
class Place:
    """An environment: where its packages lie, the target of make that fills it, and what of ours is in it."""

    path: Sequence[str]
    target: str
    projects: Sequence[Path]


def unfit(pinned: dict[str, str], place: Place) -> Iterator[str]:
    """What is not installed as pinned, and whose wishes the pins do not meet."""
    ours, wishes = _declared(place.projects)
    for name, version in pinned.items():
        installed = next(iter(metadata.distributions(name=name, path=list(place.path))), None)
        if installed is None:
            yield f"{name}=={version} is pinned, but not installed. Run make {place.target}."
            continue
        if installed.version != version:
            yield f"{name}=={version} is pinned, but {installed.version} is installed. Run make {place.target}."
        wishes += [(name, wish) for wish in installed.requires or ()]
    for who, text in wishes:
        wish = Requirement(text)
        if canonicalize_name(wish.name) in ours or (wish.marker and not wish.marker.evaluate({"extra": ""})):
            continue
        version = pinned.get(canonicalize_name(wish.name))
        if version is None:
            yield f"{who} needs {wish.name}, which is not pinned."
        elif not wish.specifier.contains(version, prereleases=True):
            yield f"{who} needs {wish}, but {version} is pinned."


def _declared(projects: Sequence[Path]) -> tuple[set[str], list[tuple[str, str]]]:
    """Names of our own packages, and what each asks for with all its extras."""
    declared = [tomllib.loads(project.read_text())["project"] for project in projects]
    wishes = [
        (one["name"], wish)
        for one in declared
        for group in (one["dependencies"], *one.get("optional-dependencies", {}).values())
        for wish in group
    ]
    return {canonicalize_name(one["name"]) for one in declared}, wishes


def findings(file: Path) -> list[tuple[str, set[str], str]] | str:
    """(package, ids of the advisory, advice) of each vulnerability; a text if there was no audit, saying why."""
    command = [os.environ.get("PIP_AUDIT", str(Path(sys.executable).with_name("pip-audit")))]
    command += [
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--timeout",
        "4",
    ]
    try:
        done = subprocess.run(
            [*command, "-r", str(file)], capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        audited: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except FileNotFoundError:
        return "pip-audit is not installed"
    except subprocess.TimeoutExpired:
        return f"pip-audit took more than {WITHIN_S} s"
    except (ValueError, KeyError):
        return f"pip-audit failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}"
    skipped = [one["name"] for one in audited if "skip_reason" in one]
    if skipped:
        return f"the index has no advisories for {len(skipped)} packages, the first is {skipped[0]}"
    return [
        (f"{one['name']} {one['version']}", {vuln["id"], *vuln.get("aliases", [])}, _advice(vuln))
        for one in audited
        for vuln in one["vulns"]
    ]


def _advice(vuln: dict[str, Any]) -> str:
    fixed = ", ".join(vuln.get("fix_versions") or ())
    return f"fixed in {fixed}" if fixed else "not fixed yet"


def judged(found: list[tuple[str, set[str], str]], file: Path, today: dt.date) -> Iterator[str]:
    """What fails the check."""
    accepted = {one["id"]: one for one in tomllib.loads(file.read_text()).get("accepted", [])}
    for package, ids, advice in found:
        if not ids & accepted.keys():
            yield f"{package}: {', '.join(sorted(ids))}, {advice}. Update it, or accept it in {file.name}."
    known = {name for _, ids, _ in found for name in ids}
    for name, entry in accepted.items():
        if not entry.get("reason") or not isinstance(entry.get("until"), dt.date):
            yield f"{file.name}: {name} needs a reason and a date `until`."
        elif not today <= entry["until"] <= today + LONGEST:
            yield f"{file.name}: {name} is accepted until {entry['until']}: over, or too far ahead. Look at it again."
        elif name not in known:
            yield f"{file.name}: {name} is not found any more. Remove it."


def audited(file: Path) -> list[str]:
    """Problems of an audit of the pins in a file; one package is asked for first, to see whether there are answers."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.txt"
        probe.write_text("".join(file.read_text().splitlines(keepends=True)[:1]))
        found = findings(probe)
    if not isinstance(found, str):
        found = findings(file)
    if not isinstance(found, str):
        return list(judged(found, ROOT / "requirements/advisories.toml", dt.datetime.now(dt.UTC).date()))
    required = os.environ.get("AUDIT") == "required"
    print(f"audit {'failed' if required else 'SKIPPED'}: {found}")
    return [found] if required else []


def beside(environment: str, packages: Sequence[str]) -> Place:
    """Where dbt or Dagster is, with the packages of ours that are installed there."""
    path = [*map(str, ROOT.glob(f".venv-{environment}/lib/*/site-packages"))]
    ours = [ROOT / f"instrumentation/{name}/pyproject.toml" for name in packages]
    return Place(path, f".venv-{environment}/run", ours)


def main() -> int:
    """Say every problem; 1 if there is one."""
    run, dev = (ROOT / "requirements" / name for name in ("run.txt", "dev.txt"))
    here = Place(sys.path, ".venv/dev", [ROOT / "pyproject.toml"])
    problems = [*unfit(pins(run) | pins(dev), here)]
    for environment, packages in BESIDE.items():
        problems += unfit(pins(ROOT / f"requirements/{environment}.txt"), beside(environment, packages))
    problems += audited(run)
    for problem in problems:
        print(f"requirements: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
