"""dataQualityAssertions: results of tests on a dataset that the run read."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, listing
from otel_bridge.openlineage.secrets import mask_sql
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "dataQualityAssertions"
SLOT: Final = "input"
SCHEMA_URL: Final = facet_url("DataQualityAssertionsDatasetFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"assertions": "assertions"}
EXAMPLE: Final = {"assertions": [{"assertion": "not_null", "success": True, "column": "id"}]}


class Assertion(Part, frozen=True, kw_only=True, rename="camel"):
    """`assertion`: the test's name or kind; `severity`: `error` or `warn`."""

    assertion: str
    success: bool
    column: str | Maybe = UNSET
    severity: str | Maybe = UNSET
    name: str | Maybe = UNSET
    description: str | Maybe = UNSET
    expected: str | Maybe = UNSET
    actual: str | Maybe = UNSET
    content: str | Maybe = UNSET
    content_type: str | Maybe = UNSET
    params: dict[str, Any] | Maybe = UNSET


class Assertions(Shape, frozen=True, kw_only=True):
    """Each result."""

    assertions: list[Assertion]


SHAPE: Final = Assertions
TEXTS: Final = ("column", "severity", "name", "description", "expected", "actual")


def build(values: Mapping[str, Value]) -> Assertions:
    """From a list of `{assertion, success, ...}` with the optional fields of the official shape."""
    entries = listing(values["assertions"], "assertions")
    return Assertions(assertions=[_assertion(entry, i) for i, entry in enumerate(entries, 1)])


def _assertion(entry: Value, number: int) -> Assertion:
    fields = Fields(entry, "assertion", number)
    params, content = fields.mapping("params"), fields.text("content")
    return Assertion(
        assertion=fields.need("assertion"),
        success=fields.need_flag("success"),
        content=mask_sql(content) if content else UNSET,
        content_type=fields.text("contentType", "content_type"),
        params=dict(params) if params else UNSET,
        **{name: fields.text(name) for name in TEXTS},
    )
