"""Canonical names for destinations that want them: what is known when an event is read from the log.

Statements are in the journal together with the events that made them, so an event is never named by less than it says
itself. What is learned later changes what goes out later, a replay included.
"""

from otel_bridge.identity.rewriting import Rewriting
from otel_bridge.journal import KnownNames
from otel_bridge.openlineage.profiles.draft import Draft


class CanonicalNames:
    """`openlineage.profiles.Names` over the journal. `refresh` belongs to the thread that reads it."""

    def __init__(self, known: KnownNames) -> None:
        self._known = known
        self._rewriting: Rewriting | None = None

    def refresh(self) -> None:
        """Learn what was said meanwhile.

        Raises:
            Unavailable: it can't be read at the moment.
        """
        self._rewriting = Rewriting(self._known.current())

    def touches(self, body: bytes) -> bool:
        """Whether an event may have a name to rewrite."""
        return self._rewriting is not None and self._rewriting.touches(body)

    def apply(self, draft: Draft) -> None:
        """Rewrite."""
        if self._rewriting is not None:
            self._rewriting.apply(draft)
