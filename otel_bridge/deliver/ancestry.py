"""Full names of jobs, `<grandparent>.<parent>`, out of the event log, for consumers that file runs by them.

The name of a run's parent is what the log says of it before the run's own first event. So it is the same for every
event of the run, at every attempt and after every restart, whatever arrives later; as long as those first events are
kept. Without them the name comes from the event alone: right for three levels, and for names that are full already.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from otel_bridge.journal import EventReader, StoredEvent
from otel_bridge.model import Event
from otel_bridge.openlineage.profiles import joined, parent_path

RUNS = 20_000
LONGEST = 4096
"""A parent with a longer full name counts as unknown."""
LAST = 2**63

_decode = msgspec.json.Decoder().decode


class _Facets(msgspec.Struct):
    parent: msgspec.Raw = msgspec.Raw()


class _Run(msgspec.Struct):
    facets: _Facets | None = None


class _Body(msgspec.Struct):
    run: _Run | None = None


_body = msgspec.json.Decoder(_Body).decode


class Known(msgspec.Struct, frozen=True):
    """A run: its first event in the log, and the full names of its parent (None: not in the log) and its job."""

    first_seq: int
    parent_path: str | None
    path: str


class Ancestry:
    """Looks runs up and remembers the latest. Used by one thread at a time, the one that reads the log."""

    def __init__(self, events: EventReader) -> None:
        self._events = events
        self._runs: OrderedDict[str, Known] = OrderedDict()

    def parent_path(self, event: Event) -> str | None:
        """Full name of the parent of the event's run; None without a parent, or if the log does not know it."""
        if not event.parent_key:
            return None
        known = self._run(event.key)
        return known.parent_path if known else None

    def _run(self, run_id: str, before: int = LAST) -> Known | None:
        """What is known of a run that began in the log before an event; so that no circle is followed."""
        unknown: list[StoredEvent] = []
        while (known := self._runs.get(run_id)) is None:
            first = self._events.find(key=run_id, limit=1) if run_id else []
            if not first or first[0].seq >= before:
                break
            unknown.append(first[0])
            before, run_id = first[0].seq, first[0].event.parent_key
        if known is not None:
            self._runs.move_to_end(run_id)
            known = known if known.first_seq < before else None
        for first_event in reversed(unknown):
            known = self._remember(first_event.event.key, _known(first_event, known))
        return known

    def _remember(self, run_id: str, known: Known) -> Known:
        self._runs[run_id] = known
        if len(self._runs) > RUNS:
            self._runs.popitem(last=False)
        return known


def _known(first: StoredEvent, parent: Known | None) -> Known:
    event = first.event
    facet = _parent_facet(event)
    if facet is None:
        return Known(first.seq, None, event.job_name)
    above = parent.path if parent and len(parent.path) <= LONGEST else None
    said = parent_path({**facet, "root": None}, None)
    return Known(first.seq, above, joined(parent_path(facet, above), event.job_name, said))


def _parent_facet(event: Event) -> dict[str, Any] | None:
    """The parent facet of an event's run."""
    if not event.parent_key:
        return None
    run = _body(event.body).run
    facet = _decode(run.facets.parent) if run and run.facets and run.facets.parent else None
    return facet if isinstance(facet, dict) else None
