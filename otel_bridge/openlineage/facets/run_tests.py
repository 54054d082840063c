"""test: results of tests that belong to no dataset."""

from typing import Any, Final

from msgspec import UNSET

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "test"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("TestRunFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {}
EXAMPLE: Final = {"tests": [{"name": "totals_match", "status": "pass"}]}


class Test(Part, frozen=True, kw_only=True, rename="camel"):
    """`status`: `pass`, `fail` or `skip`."""

    name: str
    status: str
    severity: str | Maybe = UNSET
    type: str | Maybe = UNSET
    description: str | Maybe = UNSET
    expected: str | Maybe = UNSET
    actual: str | Maybe = UNSET
    content: str | Maybe = UNSET
    content_type: str | Maybe = UNSET
    params: dict[str, Any] | Maybe = UNSET


class Tests(Shape, frozen=True, kw_only=True):
    """Each test of the run."""

    tests: list[Test]


SHAPE: Final = Tests
