"""What is allowed and most likely not meant; said once, at the start."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import structlog

from otel_bridge.settings import Endpoint, Settings

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on

log = structlog.get_logger()


def warn_if_schemas_stay_here(settings: Settings) -> None:
    """Events that leave this machine name facet schemas by a URL; one that leads back to the reader is of no use."""
    endpoint = settings.api.endpoint
    if settings.api.public_url or not (endpoint.loopback or endpoint.host in ANY_ADDRESS):
        return
    away = [one.name for one in settings.destinations if _elsewhere(one.options)]
    if away:
        log.warning(
            "facet_schemas_out_of_reach",
            schemas=f"{settings.api.base_url}/facets/",
            destinations=away,
            advice="set api.public_url to where others reach the API; the same in all replicas",
        )


def _elsewhere(options: Any) -> bool:
    """Whether a destination is on another machine, as far as its address tells."""
    return any(not Endpoint(host, 0).loopback for host in _hosts(options))


def _hosts(options: Any) -> Iterator[str]:
    if url := getattr(options, "url", ""):
        yield urlsplit(url).hostname or ""
    for broker in getattr(options, "brokers", ()):
        yield broker.rpartition(":")[0].strip("[]")
