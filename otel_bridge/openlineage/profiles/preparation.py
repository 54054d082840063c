"""From an event to the bytes that one consumer gets, or the reason why it gets none."""

from msgspec import Struct

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles.draft import Draft
from otel_bridge.openlineage.profiles.renaming import Renaming
from otel_bridge.openlineage.profiles.rules import Cap, NamespaceCharacters, Refused, Rule, Skipped, Takes
from otel_bridge.openlineage.profiles.shedding import shed
from otel_bridge.openlineage.profiles.table import PROFILES
from otel_bridge.settings import Consumer


class Prepared(Struct, frozen=True):
    """What goes out: `body`, without the facets named in `shed`. Or nothing, if there is a reason.

    `skipped`: the consumer does not want such events. `refused`: it can't take this one, which is a dead letter.
    """

    body: bytes
    skipped: str = ""
    refused: str = ""
    shed: tuple[str, ...] = ()


class Preparation:
    """The rules of one destination. The same event and path give the same bytes, each time."""

    def __init__(self, consumer: Consumer) -> None:
        profile = PROFILES[consumer.profile]
        self.needs_paths = profile.needs_paths
        self._looks = tuple(rule for rule in profile.rules if isinstance(rule, Takes))
        self._rules: tuple[Rule, ...] = tuple(
            rule for rule in profile.rules if not isinstance(rule, Takes | Cap | NamespaceCharacters)
        )
        self._renaming = Renaming(consumer.namespaces, profile.rules)
        self._limit = profile.max_event if consumer.max_event is None else int(consumer.max_event)

    def prepare(self, event: Event, known_path: str | None = None) -> Prepared:
        """Prepare one event. `known_path`: full name of the run's parent, if the event log knows it."""
        body = event.body
        try:
            for rule in self._looks:
                rule.look(event.type)
            renames = self._renaming.touches(body)
            if not (self._rules or renames or self._too_large(body)):
                return Prepared(body)
            return self._adapted(Draft(body), body, renames, known_path)
        except Skipped as reason:
            return Prepared(b"", skipped=str(reason))
        except Refused as reason:
            return Prepared(b"", refused=str(reason))

    def _adapted(self, draft: Draft, body: bytes, renames: bool, known_path: str | None) -> Prepared:
        if renames:
            self._renaming.apply(draft)
        for rule in self._rules:
            rule.apply(draft, known_path)
        if draft.changed:
            body = draft.encoded()
        if self._limit is not None and len(body) > self._limit:
            body = shed(draft, self._limit)
        return Prepared(body, shed=tuple(draft.shed))

    def _too_large(self, body: bytes) -> bool:
        return self._limit is not None and len(body) > self._limit


def prepare(event: Event, consumer: Consumer, known_path: str | None = None) -> Prepared:
    """One event for one consumer; `Preparation` does many."""
    return Preparation(consumer).prepare(event, known_path)
