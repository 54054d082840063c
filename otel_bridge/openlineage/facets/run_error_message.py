"""errorMessage: why a run failed."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge.model import ErrorDetail, LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "errorMessage"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ErrorMessageRunFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"error": "exception event or log"}
EXAMPLE: Final = {"error": ErrorDetail("relation orders does not exist", "python")}


class ErrorMessage(Shape, frozen=True, kw_only=True):
    """`programming_language` in lower case, as `telemetry.sdk.language` has it."""

    message: str
    programming_language: str
    stack_trace: str | Maybe = UNSET


SHAPE: Final = ErrorMessage


def build(values: Mapping[str, Value]) -> ErrorMessage:
    """From an `ErrorDetail`, secrets masked."""
    error = values.get("error")
    if not isinstance(error, ErrorDetail):
        raise LeftOut("there is no error")
    return ErrorMessage(
        message=mask_text(error.message),
        programming_language=error.language,
        stack_trace=mask_text(error.stack_trace) if error.stack_trace else UNSET,
    )


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    texts = {
        k: mask_text(v) for k, v in given.items() if k in {"message", "stackTrace"} and isinstance(v, str)
    }
    return {**given, **texts}
