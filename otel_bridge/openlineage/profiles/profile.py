"""What is known of a consumer, as values: where it listens, its rules, and what else to know."""

from typing import Literal

from msgspec import Struct

from otel_bridge.openlineage.profiles.limits import Cap
from otel_bridge.openlineage.profiles.rules import NamePaths, ParentPaths, Rule
from otel_bridge.settings import ProfileName


class Batch(Struct, frozen=True):
    """Where many events go in one request: `array` sends `[...]`, `events` sends `{"events": [...]}`."""

    path: str
    shape: Literal["array", "events"]


class Note(Struct, frozen=True):
    """What no rule can mend, with its source."""

    text: str
    source: str


class Profile(Struct, frozen=True, kw_only=True):
    """One consumer. `endpoint` and `batch` are for `type: http`; rules apply in their order."""

    name: ProfileName
    title: str
    about: str
    auth: str
    example: str
    endpoint: str = "api/v1/lineage"
    batch: Batch | None = None
    rules: tuple[Rule, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def cap(self) -> Cap | None:
        """Its rule on the size of an event."""
        return next((rule for rule in self.rules if isinstance(rule, Cap)), None)

    @property
    def max_event(self) -> int | None:
        """Largest event in bytes, None for any size."""
        return self.cap.size if self.cap else None

    @property
    def needs_paths(self) -> bool:
        """Whether a run's place below its parents has to be known."""
        return any(isinstance(rule, ParentPaths | NamePaths) for rule in self.rules)
