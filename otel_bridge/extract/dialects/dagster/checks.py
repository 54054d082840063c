"""Asset checks: as assertions on the datasets that were read, and as tests of the run."""

from typing import Final

from otel_bridge.extract.dialects.dagster.facts import Check, Key, written
from otel_bridge.extract.values import compact
from otel_bridge.model import Value

_SEVERITIES: Final = {"WARN": "warn", "ERROR": "error"}


def assertions(checks: tuple[Check, ...], key: Key) -> list[dict[str, Value]]:
    """Results of the checks on the asset, for the facet of a dataset."""
    return [_assertion(check) for check in checks if check.asset_key == key and _told(check)]


def tests(checks: tuple[Check, ...]) -> list[dict[str, Value]]:
    """Results of all checks, for the facet of the run."""
    return [_test(check) for check in checks if _told(check)]


def name_of(check: Check) -> str:
    """After the asset, so that it is the only one of its name.

    >>> name_of(Check(asset_key=("raw", "orders"), name="no_nulls"))
    'raw/orders:no_nulls'
    """
    return f"{written(check.asset_key)}:{check.name}" if check.asset_key else check.name


def _told(check: Check) -> bool:
    return bool(check.name) and check.passed is not None


def _assertion(check: Check) -> dict[str, Value]:
    return compact(
        {
            "assertion": check.name,
            "success": check.passed,
            "column": check.column,
            "severity": _severity(check),
            "name": name_of(check),
            "description": check.description,
            "params": _params(check),
        }
    )


def _test(check: Check) -> dict[str, Value]:
    return compact(
        {
            "name": name_of(check),
            "status": "pass" if check.passed else "fail",
            "severity": _severity(check),
            "type": "asset_check",
            "description": check.description,
            "params": _params(check),
        }
    )


def _severity(check: Check) -> str:
    return _SEVERITIES.get(check.severity.upper(), "error")


def _params(check: Check) -> dict[str, Value]:
    """The metadata of the result, and whether it keeps what follows from running."""
    blocking = {} if check.blocking is None else {"blocking": check.blocking}
    return blocking | check.metadata
