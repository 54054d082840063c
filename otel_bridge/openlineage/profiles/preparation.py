"""From an event to the bytes that one consumer gets, or the reason why it gets none."""

from typing import Protocol

from msgspec import Struct, structs

from otel_bridge.model import Event
from otel_bridge.openlineage.profiles.draft import Draft, text_of
from otel_bridge.openlineage.profiles.limits import Cap, Limit, NulCharacters
from otel_bridge.openlineage.profiles.renaming import Renaming
from otel_bridge.openlineage.profiles.rules import NamespaceCharacters, Refused, Rule, Skipped, Takes
from otel_bridge.openlineage.profiles.shedding import shed
from otel_bridge.openlineage.profiles.table import PROFILES
from otel_bridge.settings import Consumer


class Prepared(Struct, frozen=True):
    """What goes out: `body`, without the facets named in `shed`. Or nothing, if there is a reason.

    `skipped`: the consumer does not want such events. `refused`: it can't take this one, which is a dead letter.
    `renamed` is the event by the names that are in `body`, if those of its job or dataset were changed.
    """

    body: bytes
    skipped: str = ""
    refused: str = ""
    shed: tuple[str, ...] = ()
    renamed: Event | None = None


class Names(Protocol):
    """Another way to name what an event names (`identity.rewriting.Rewriting`)."""

    def touches(self, body: bytes) -> bool:
        """Whether it may have something to change; a quick look."""

    def apply(self, draft: Draft) -> None:
        """Change it."""


class Preparation:
    """The rules of one destination. The same event and path give the same bytes, each time, as long as `names` stay."""

    def __init__(self, consumer: Consumer, names: Names | None = None) -> None:
        profile = PROFILES[consumer.profile]
        self.needs_paths = profile.needs_paths
        self._looks = tuple(rule for rule in profile.rules if isinstance(rule, Takes))
        self._cleaners = tuple(rule for rule in profile.rules if isinstance(rule, NulCharacters))
        self._rules: tuple[Rule, ...] = tuple(
            rule
            for rule in profile.rules
            if not isinstance(rule, Takes | Cap | NamespaceCharacters | NulCharacters)
        )
        self._names = names if consumer.canonical_names else None
        self._renaming = Renaming(consumer.namespaces, profile.rules)
        size = profile.max_event if consumer.max_event is None else int(consumer.max_event)
        self._limit = Limit(size, profile.cap.encoder if profile.cap else "as it is")

    def prepare(self, event: Event, known_path: str | None = None) -> Prepared:
        """Prepare one event. `known_path`: full name of the run's parent, if the event log knows it."""
        body = event.body
        try:
            for look in self._looks:
                look.look(event.type)
            for cleaner in self._cleaners:
                body = cleaner.cleaned(body)
            names = self._names if self._names and self._names.touches(body) else None
            renames = bool(self._renaming) if names else self._renaming.touches(body)
            if not (self._rules or names or renames or self._limit.exceeded(body)):
                return Prepared(body)
            return self._adapted(event, body, names, renames, known_path)
        except Skipped as reason:
            return Prepared(b"", skipped=str(reason))
        except Refused as reason:
            return Prepared(b"", refused=str(reason))

    def _adapted(
        self, event: Event, body: bytes, names: Names | None, renames: bool, known_path: str | None
    ) -> Prepared:
        draft = Draft(body)
        if names:
            names.apply(draft)
        if renames:
            self._renaming.apply(draft)
        for rule in self._rules:
            rule.apply(draft, known_path)
        if draft.changed:
            body = draft.encoded()
        if self._limit.exceeded(body):
            body = shed(draft, self._limit)
        renamed = _renamed(event, draft, body) if draft.changed else None
        return Prepared(body, shed=tuple(draft.shed), renamed=renamed)


def _renamed(event: Event, draft: Draft, body: bytes) -> Event | None:
    """The event by the names in a draft, for those who look at them: keys of messages."""
    if event.type == "DATASET":
        own = next(one for role, one in draft.datasets if role == "dataset")
        key = f"dataset:{text_of(own, 'namespace')}/{text_of(own, 'name')}"
        return structs.replace(event, key=key, body=body)
    namespace, name = text_of(draft.job, "namespace"), text_of(draft.job, "name")
    key = f"job:{namespace}/{name}" if event.type == "JOB" else event.key
    return structs.replace(event, key=key, job_namespace=namespace, job_name=name, body=body)


def prepare(event: Event, consumer: Consumer, known_path: str | None = None) -> Prepared:
    """One event for one consumer; `Preparation` does many."""
    return Preparation(consumer).prepare(event, known_path)
