"""environmentVariables: what the process was started with."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.secrets import mask_entries
from otel_bridge.openlineage.shapes import Part, Shape

KEY: Final = "environmentVariables"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("EnvironmentVariablesRunFacet", "1-0-0")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"environmentVariables": [{"name": "STAGE", "value": "prod"}]}


class Variable(Part, frozen=True, kw_only=True):
    """One variable."""

    name: str
    value: str


class EnvironmentVariables(Shape, frozen=True, kw_only=True):
    """The variables that matter."""

    environment_variables: list[Variable]


SHAPE: Final = EnvironmentVariables


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    return {**given, KEY: mask_entries(given[KEY], "name")} if KEY in given else dict(given)
