"""Results of asset checks."""

from typing import Any

from .metadata import plain, told
from .reading import compact, key_of, part, text

_COLUMN = ("dagster/column", "column", "column_name")


def check(evaluation: Any) -> dict[str, Any]:
    """The map of one AssetCheckEvaluation."""
    metadata = evaluation.metadata or {}
    column = next((shown for name in _COLUMN if (shown := text(plain(metadata.get(name))))), None)
    return compact(
        {
            "asset_key": key_of(evaluation.asset_key),
            "name": str(evaluation.check_name),
            "passed": bool(evaluation.passed),
            "severity": text(part(evaluation, "severity")),
            "blocking": part(evaluation, "blocking"),
            "description": text(part(evaluation, "description")),
            "metadata": told(metadata),
            "column": column,
        }
    )
