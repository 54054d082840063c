"""Results of tests: as assertions on the datasets that they are about, and as the run's own results."""

import re
from typing import Any, Final

from otel_bridge.extract.dialects.dbt.facts import Relation, Result, Test, Told
from otel_bridge.extract.dialects.dbt.states import plain
from otel_bridge.extract.values import compact
from otel_bridge.model import Value

OPPOSITE: Final = {
    "!=": "",
    "<>": "",
    ">": "<= ",
    ">=": "< ",
    "<": ">= ",
    "<=": "> ",
    "=": "!= ",
    "==": "!= ",
}
_CONDITION: Final = re.compile(r"\s*(!=|<>|>=|<=|==|=|>|<)\s*(-?\d+(?:\.\d+)?)\s*")
PASSED: Final = frozenset({"pass", "success"})
TESTED: Final = frozenset({"pass", "success", "warn", "fail"})
"""Statuses of tests that came to a result: an error says nothing about the data."""


def on_dataset(told: Told, relation: Relation) -> dict[str, Value] | None:
    """The assertion on this relation; None if the test is about another one, or came to no result.

    A generic test is about the node that it is attached to, a singular one about all that it reads.
    """
    test, result = told.node.test, told.result
    if result is None or told.node.node_type != "test" or result.status not in TESTED:
        return None
    if not _is_about(test, relation, told):
        return None
    return compact(
        {
            "assertion": (test.name if test else "") or told.node.name,
            "success": result.status in PASSED,
            "column": test.column if test else "",
            "severity": severity(told),
            "name": told.node.name,
            "description": told.node.description,
            "expected": expected(told),
            "actual": None if result.failures is None else str(result.failures),
            "params": _params(told, result),
        }
    )


def on_run(told: Told) -> dict[str, Value] | None:
    """The test facet of the run."""
    result, test = told.result, told.node.test
    if result is None:
        return None
    counted = told.node.node_type == "test" and result.failures is not None
    status = "pass" if result.status in PASSED else "skip" if result.status == "skipped" else "fail"
    found = {
        "name": told.node.unique_id,
        "status": status,
        "severity": severity(told) if told.node.node_type == "test" else "error",
        "type": _type(test),
        "description": told.node.description,
        "expected": expected(told) if counted else "",
        "actual": str(result.failures) if counted else "",
        "params": _params(told, result),
    }
    return {"tests": [compact(found)]}


def _type(test: Test | None) -> str:
    if test is None:
        return ""
    return test.name if test.kind in ("generic", "") else test.kind


def _is_about(test: Test | None, relation: Relation, told: Told) -> bool:
    if test is not None and test.attached_node:
        return relation.unique_id == test.attached_node
    generic = test is not None and (test.kind == "generic" or bool(test.kwargs))
    return not generic or len(told.node.inputs) == 1


def freshness(told: Told) -> dict[str, Value] | None:
    """The assertion on a source whose freshness was checked."""
    found = told.result.freshness if told.result else None
    status = (found.status if found else "") or (told.result.status if told.result else "")
    if found is None or status not in ("pass", "warn", "error", "fail"):
        return None
    return compact(
        {
            "assertion": "freshness",
            "success": status == "pass",
            "severity": "warn" if status == "warn" else "error",
            "name": told.node.unique_id,
            "actual": None if found.age is None else f"{found.age:g} s",
            "params": found.criteria,
        }
    )


def severity(told: Told) -> str:
    """What a failure means: of a test that only warned, a warning, whatever is configured."""
    if told.result and told.result.status == "warn":
        return "warn"
    return (told.node.test.severity if told.node.test else "").lower() or "error"


def expected(told: Told) -> str:
    """The condition that holds if the test passes, out of the one that makes it fail.

    >>> from otel_bridge.extract.dialects.dbt.facts import Node, Test
    >>> expected(Told(node=Node(test=Test(severity="ERROR", error_if="> 10"))))
    '<= 10'
    >>> expected(Told())
    '0'
    """
    test = told.node.test
    condition = "" if test is None else test.warn_if if severity(told) == "warn" else test.error_if
    found = _CONDITION.fullmatch(condition or "!= 0")
    return f"{OPPOSITE[found[1]]}{found[2]}" if found else f"not ({condition})"


def _params(told: Told, result: Result) -> dict[str, Any]:
    test = told.node.test
    given = {k: v for k, v in test.kwargs.items() if k not in ("model", "column_name")} if test else {}
    more = {"where": test.where if test else "", "message": plain(result.message)}
    return given | {key: value for key, value in more.items() if value and key not in given}
