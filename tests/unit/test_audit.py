"""The audit of what the bridge runs on, with a pip-audit that says what the test wants."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from requirements import audit

ROOT = Path(__file__).parents[2]
TODAY = dt.date(2026, 11, 25)
FOUND = [("starlette 0.1", {"GHSA-1", "CVE-1"}, "fixed in 0.2")]


def run(tmp_path: Path, answer: str, required: bool = False) -> subprocess.CompletedProcess[str]:
    """`make check`'s step, where pip-audit prints `answer`."""
    said = tmp_path / "said.json"
    said.write_text(answer)
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\necho 'no route to the index' >&2\ncat {said}\n")
    tool.chmod(0o755)
    environ = os.environ | {"PIP_AUDIT": str(tool), "AUDIT": "required" if required else ""}
    command = [sys.executable, str(ROOT / "requirements/audit.py")]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def report(**more: Any) -> str:
    return json.dumps({"dependencies": [{"name": "starlette", "version": "0.1", **more}], "fixes": []})


def test_nothing_is_found(tmp_path: Path) -> None:
    done = run(tmp_path, report(vulns=[]), required=True)
    assert "starlette" not in done.stdout
    assert "SKIPPED" not in done.stdout


def test_a_vulnerability_fails_the_check(tmp_path: Path) -> None:
    done = run(tmp_path, report(vulns=[{"id": "GHSA-1", "aliases": ["CVE-1"], "fix_versions": ["0.2"]}]))
    assert done.returncode == 1
    assert "starlette 0.1: CVE-1, GHSA-1, fixed in 0.2. Update it" in done.stdout


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("", "no route to the index"), (report(skip_reason="?"), "has no advisories for 1 packages")],
)
def test_without_answers_it_is_skipped_or_fails(tmp_path: Path, answer: str, reason: str) -> None:
    assert "audit SKIPPED: " in (said := run(tmp_path, answer).stdout)
    assert reason in said
    done = run(tmp_path, answer, required=True)
    assert (done.returncode, "audit failed" in done.stdout) == (1, True)


def accepted(tmp_path: Path, **entry: Any) -> list[str]:
    lines = [
        f"{key} = {value if isinstance(value, dt.date) else json.dumps(value)}"
        for key, value in entry.items()
    ]
    file = tmp_path / "advisories.toml"
    file.write_text("\n".join(["[[accepted]]", *lines]))
    return list(audit.judged(FOUND, file, TODAY))


def test_accepted_advisories(tmp_path: Path) -> None:
    good = {"reason": "not used", "until": TODAY + dt.timedelta(days=30)}
    assert accepted(tmp_path, id="GHSA-1", **good) == accepted(tmp_path, id="CVE-1", **good) == []
    [unlisted, gone] = accepted(tmp_path, id="GHSA-2", **good)
    assert "Update it" in unlisted
    assert "not found any more" in gone
    for until in (TODAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=200)):
        assert "Look at it again" in accepted(tmp_path, id="GHSA-1", reason="not used", until=until)[0]
    assert "needs a reason" in accepted(tmp_path, id="GHSA-1", until=good["until"])[0]


def test_pins_that_do_not_fit(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "ours"\ndependencies = ["click>=999", "missing-one"]\n')
    place = audit.Place(sys.path, "test", [project])
    found = list(audit.unfit({"click": "8.0", "no-such-package": "1"}, place))
    assert len(found) == 4
    for said in (
        "8.0 is pinned, but",
        "not installed",
        "needs click>=999, but 8.0",
        "missing-one, which is not pinned",
    ):
        assert any(said in line for line in found)


def test_the_pins_of_this_repository_meet_its_wishes() -> None:
    pinned = audit.pins(ROOT / "requirements/run.txt") | audit.pins(ROOT / "requirements/dev.txt")
    place = audit.Place(sys.path, "test", [ROOT / "pyproject.toml"])
    assert [line for line in audit.unfit(pinned, place) if " needs " in line] == []


@pytest.mark.parametrize("environment", audit.BESIDE)
def test_so_do_those_of_the_environments_beside(environment: str) -> None:
    pinned = audit.pins(ROOT / f"requirements/{environment}.txt")
    place = audit.beside(environment, audit.BESIDE[environment])
    assert all(project.exists() for project in place.projects)
    assert [line for line in audit.unfit(pinned, place) if " needs " in line] == []
