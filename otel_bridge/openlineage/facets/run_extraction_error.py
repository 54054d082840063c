"""extractionError: lineage that could not be found."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape, Whole

KEY: Final = "extractionError"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ExtractionErrorRunFacet", "1-1-2")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {
    "totalTasks": 1,
    "failedTasks": 1,
    "errors": [{"errorMessage": "no parser for this dialect"}],
}


class Failure(Part, frozen=True, kw_only=True, rename="camel"):
    """One task without lineage."""

    error_message: str
    stack_trace: str | Maybe = UNSET
    task: str | Maybe = UNSET
    task_number: Whole | Maybe = UNSET


class ExtractionError(Shape, frozen=True, kw_only=True):
    """How many tasks there are, and which failed."""

    total_tasks: Whole
    failed_tasks: Whole
    errors: list[Failure]


SHAPE: Final = ExtractionError


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    errors: Any = given.get("errors")
    return (
        {**given, "errors": [_masked(error) for error in errors]} if isinstance(errors, list) else dict(given)
    )


def _masked(error: Any) -> Any:
    if not isinstance(error, dict):
        return error
    texts = {
        k: mask_text(v)
        for k, v in error.items()
        if k in {"errorMessage", "stackTrace"} and isinstance(v, str)
    }
    return {**error, **texts}
