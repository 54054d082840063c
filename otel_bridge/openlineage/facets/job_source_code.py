"""sourceCode: the code of a job, secrets masked."""

from collections.abc import Mapping
from typing import Final

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.openlineage.shapes import Shape

KEY: Final = "sourceCode"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("SourceCodeJobFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"language": "python", "sourceCode": "connect(password='hunter2')"}


class SourceCode(Shape, frozen=True, kw_only=True):
    """The code itself and its language."""

    language: str
    source_code: str


SHAPE: Final = SourceCode


def adapt(given: Mapping[str, Value]) -> dict[str, Value]:
    """Mask secrets in a given facet."""
    code = given.get("sourceCode")
    return {**given, "sourceCode": mask_text(code)} if isinstance(code, str) else dict(given)
