"""lifecycleStateChange: what a run did to a dataset as a whole."""

from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

from msgspec import UNSET

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, shown
from otel_bridge.openlineage.shapes import Maybe, Part, Shape

KEY: Final = "lifecycleStateChange"
SLOT: Final = "dataset"
SCHEMA_URL: Final = facet_url("LifecycleStateChangeDatasetFacet", "1-0-1")
VALUES: Final[dict[str, str]] = {"lifecycle": "lifecycle"}
EXAMPLE: Final = {"lifecycle": "overwrite"}

Change = Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"]


class PreviousIdentifier(Part, frozen=True, kw_only=True):
    """What a renamed dataset was called before."""

    namespace: str
    name: str


class LifecycleStateChange(Shape, frozen=True, kw_only=True):
    """The change, and the name before it."""

    lifecycle_state_change: Change
    previous_identifier: PreviousIdentifier | Maybe = UNSET


SHAPE: Final = LifecycleStateChange


def build(values: Mapping[str, Value]) -> LifecycleStateChange:
    """From a text, or `{change, previous: {namespace, name}}`."""
    value = values["lifecycle"]
    fields = Fields({"change": value} if isinstance(value, str) else value, "the lifecycle")
    change = fields.need("change", "lifecycleStateChange").upper()
    if change not in get_args(Change):
        raise LeftOut(f"the change must be one of {', '.join(get_args(Change))}, not {shown(change)}")
    previous = fields.get("previous", "previousIdentifier")
    return LifecycleStateChange(
        lifecycle_state_change=cast(Change, change),
        previous_identifier=UNSET if previous is None else _identifier(previous),
    )


def _identifier(value: Value) -> PreviousIdentifier:
    fields = Fields(value, "`previous` of the lifecycle")
    return PreviousIdentifier(namespace=fields.need("namespace"), name=fields.need("name"))
