"""What the hooks saw of one step or one run while it worked, kept until the facts are asked for.

The hooks call the methods; the rest of `facts` reads the fields. A value that was loaded or stored is looked at once
and never kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import access
from .access import Access
from .reading import Reading

STEP_ENDINGS = {
    "STEP_SUCCESS": "success",
    "STEP_FAILURE": "failure",
    "STEP_SKIPPED": "skipped",
    "STEP_UP_FOR_RETRY": "up_for_retry",
}
_RUN_ENDINGS = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})


@dataclass
class StepTold:
    """One attempt of a step."""

    loads: list[Access] = field(default_factory=list)
    stores: list[Access] = field(default_factory=list)
    materializations: list[Any] = field(default_factory=list)
    observations: list[Any] = field(default_factory=list)
    checks: list[Any] = field(default_factory=list)
    upstream: dict[Any, Any] = field(default_factory=dict)
    ending: Any = None
    unread: dict[str, str] = field(default_factory=dict)

    def loaded(self, io_manager: Any, input_context: Any, value: Any = None) -> None:
        """An input manager (mostly an IO manager) has loaded an input."""
        self._keep(self.loads, access.loaded, io_manager, input_context, value)

    def stored(self, io_manager: Any, output_context: Any, value: Any = None) -> None:
        """An IO manager has stored an output: to be called where Dagster says HANDLED_OUTPUT, as not every output is."""
        self._keep(self.stores, access.stored, io_manager, output_context, value)

    def event(self, event: Any) -> None:
        """Any DagsterEvent that the step yields, in their order."""
        Reading(unread=self.unread).read("event", self._event, event)

    def _event(self, event: Any) -> None:
        kind = str(getattr(event, "event_type_value", ""))
        data: Any = getattr(event, "event_specific_data", None)
        if kind == "ASSET_MATERIALIZATION":
            self.materializations.append(data.materialization)
        elif kind == "ASSET_OBSERVATION":
            self.observations.append(data.asset_observation)
        elif kind == "ASSET_CHECK_EVALUATION":
            self.checks.append(data)
        elif kind in STEP_ENDINGS:
            self.ending = event

    def upstream_event(self, asset_key: Any, record: Any) -> None:
        """The last materialization (or observation) of an upstream asset, as Dagster has just fetched it; may be None."""
        if record is not None:
            self.upstream[asset_key] = record

    def _keep(self, where: list[Access], look: Callable[..., Access], *accessed: Any) -> None:
        reading = Reading(unread=self.unread)
        seen = reading.read("what an IO manager did", look, reading, *accessed)
        if seen is not None:
            where.append(seen)


@dataclass
class RunTold:
    """One run, from the events that its executor yields."""

    steps: dict[str, str] = field(default_factory=dict)
    materialized: set[Any] = field(default_factory=set)
    checks: dict[str, int] = field(default_factory=dict)
    failures: list[Any] = field(default_factory=list)
    ending: Any = None

    def event(self, event: Any) -> None:
        """Any DagsterEvent of the run, in their order."""
        Reading().read("event", self._event, event)

    def _event(self, event: Any) -> None:
        kind = str(getattr(event, "event_type_value", ""))
        step_key = getattr(event, "step_key", None)
        if kind in STEP_ENDINGS and step_key:
            self.steps[step_key] = STEP_ENDINGS[kind]
        if kind == "STEP_FAILURE":
            self.failures.append(event)
        elif kind == "ASSET_MATERIALIZATION":
            self.materialized.add(event.event_specific_data.materialization.asset_key)
        elif kind == "ASSET_CHECK_EVALUATION":
            outcome = "checks_passed" if event.event_specific_data.passed else "checks_failed"
            self.checks[outcome] = self.checks.get(outcome, 0) + 1
        elif kind in _RUN_ENDINGS:
            self.ending = event
