"""executionParameters: what the run was called with."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Struct

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.secrets import mask_entries
from otel_bridge.openlineage.shapes import Maybe, Shape

KEY: Final = "executionParameters"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ExecutionParametersRunFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"parameters": [{"key": "full_refresh", "value": "true"}]}


class Parameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter; here the specification allows no further fields."""

    key: str
    name: str | Maybe = UNSET
    description: str | Maybe = UNSET
    value: str | Maybe = UNSET


class ExecutionParameters(Shape, frozen=True, kw_only=True):
    """The parameters in order."""

    parameters: list[Parameter] | Maybe = UNSET


SHAPE: Final = ExecutionParameters


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    return (
        {**given, "parameters": mask_entries(given["parameters"], "key")}
        if "parameters" in given
        else dict(given)
    )
