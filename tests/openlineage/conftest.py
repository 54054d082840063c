"""Builds events, decoded."""

import json
from typing import Any, Protocol

import pytest

from otel_bridge.model import EventType
from otel_bridge.openlineage import EventBuilder
from otel_bridge.settings import Settings, Trace
from tests.openlineage.transitions import JAEGER, changed


class Build(Protocol):
    """Builds the event of a run and gives it decoded, with its omissions as `path: reason`."""

    def __call__(
        self, event_type: EventType = EventType.COMPLETE, settings: Settings | None = None, **run: Any
    ) -> tuple[dict[str, Any], list[str]]: ...


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir="", producer="https://example.org/etl", trace=Trace(url=JAEGER))


@pytest.fixture
def build(settings: Settings) -> Build:
    """Every event that is built goes through JSON; conformance is tested where the schemas are asked for."""

    def build(
        event_type: EventType = EventType.COMPLETE, settings: Settings | None = settings, **run: Any
    ) -> tuple[dict[str, Any], list[str]]:
        event = EventBuilder(settings).build(changed(event_type, **run))
        return json.loads(event.body), [f"{o.path}: {o.reason}" for o in event.omissions]

    return build
