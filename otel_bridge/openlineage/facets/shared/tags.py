"""tags facets: labels of runs, jobs, datasets and their fields."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from otel_bridge.model import Value
from otel_bridge.openlineage.reading import Fields, listing, text
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

USER = "USER"
"""Source of a tag that names none: whoever set the attribute."""


class Tag(Part, frozen=True, kw_only=True):
    """`source`: the system that set the tag; `field` (datasets only): the field that it is about."""

    key: str
    value: str
    source: str | Maybe = UNSET
    field: str | Maybe = UNSET


class Tags(Shape, frozen=True, kw_only=True):
    """Tags in the order given."""

    tags: list[Tag] | Maybe = UNSET


def tags(value: Value) -> Tags:
    """From a map, or a list of keys or `{key, value, source, field}`. A bare key has the value `true`."""
    if isinstance(value, Mapping) and not (
        "key" in value and value.keys() <= {"key", "value", "source", "field"}
    ):
        return Tags(tags=[Tag(key=k, value=text(v, f"tag `{k}`"), source=USER) for k, v in value.items()])
    entries = [value] if isinstance(value, str | Mapping) else listing(value, "tags")
    return Tags(tags=[_tag(entry, i) for i, entry in enumerate(entries, 1)])


def merge(given: Mapping[str, Any], built: Shape) -> dict[str, Any]:
    """A given facet and tags from short forms together; the given ones win."""
    mine = given.get("tags")
    if not isinstance(mine, list) or not isinstance(built, Tags) or built.tags is UNSET:
        return dict(given)
    known = {(tag.get("key"), tag.get("field")) for tag in mine if isinstance(tag, dict)}
    more = [tag for tag in built.tags if (tag.key, tag.field or None) not in known]
    return {**given, "tags": [*mine, *more]}


def _tag(entry: Value, number: int) -> Tag:
    if isinstance(entry, str):
        return Tag(key=text(entry, f"tag {number}"), value="true", source=USER)
    fields = Fields(entry, "tag", number)
    value = fields.text("value")
    return Tag(
        key=fields.need("key"),
        value="true" if value is UNSET else value,
        source=fields.text("source") or USER,
        field=fields.text("field"),
    )
