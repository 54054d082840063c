"""Habits of CONTRIBUTING.md that can be counted."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("otel_bridge", "instrumentation/otel-lineage", "convention", "tests", "examples", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PRODUCT = [path for path in SOURCES if "tests" not in path.relative_to(ROOT).parts]


def test_files_stay_readable() -> None:
    assert len(SOURCES) > 250
    assert [str(p.relative_to(ROOT)) for p in SOURCES if p.read_text().count("\n") > 600] == []


def test_nothing_is_mocked() -> None:
    found = [p.name for p in SOURCES if p.name != Path(__file__).name and "unittest.mock" in p.read_text()]
    assert found == []


@pytest.mark.parametrize("folder", ["otel_bridge", "instrumentation/otel-lineage/otel_lineage"])
def test_every_module_says_what_it_owns(folder: str) -> None:
    modules = [p for p in PRODUCT if p.is_relative_to(ROOT / folder)]
    assert modules
    assert [p.name for p in modules if not ast.get_docstring(ast.parse(p.read_text()))] == []


def test_functions_stay_small() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths.sort()
    assert lengths[len(lengths) // 2] < 10
    assert lengths[-1] <= 65
