"""OpenLineage events out of transitions: `EventBuilder(settings).build(transition)`.

`facets` has one module for each facet; `custom` those of the configuration; `validate` checks events against
the official schemas, for tests; `foreign` reads events of other producers.

What builds events is loaded when somebody asks for it: the receiving process only needs `foreign`.
"""

from typing import TYPE_CHECKING, Any

from otel_bridge.openlineage.core import SPEC
from otel_bridge.settings import Settings

if TYPE_CHECKING:
    from otel_bridge.openlineage.events import EventBuilder

__all__ = ["SPEC", "EventBuilder", "check_custom_facets", "facet_schemas"]


def __getattr__(name: str) -> Any:
    if name == "EventBuilder":
        from otel_bridge.openlineage.events import EventBuilder

        return EventBuilder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def check_custom_facets(settings: Settings) -> list[str]:
    """What is wrong with the facets of the configuration, one line each."""
    from otel_bridge.openlineage.custom import problems_of

    return problems_of(settings.facets, settings.api.base_url)


def facet_schemas(settings: Settings) -> dict[str, dict[str, Any]]:
    """Name -> JSON Schema of every facet that is not OpenLineage's own.

    The API serves them at `/facets/1-0-0/<name>.json`, which is their `$id` unless the user gave another.
    """
    from otel_bridge.openlineage.custom import compile_facets
    from otel_bridge.openlineage.documents import VERSION
    from otel_bridge.openlineage.facets import OWN

    base_url = settings.api.base_url
    ours = {name: schema(f"{base_url}/facets/{VERSION}/{name}.json") for name, schema in OWN.items()}
    custom = {c.name: c.document for c in compile_facets(settings.facets, base_url) if c.document is not None}
    return ours | custom
