"""The step between assembling and building: runs of dbt's own spans, completed with what rows of artifacts say."""

from collections import Counter
from collections.abc import Iterable

from otel_bridge.extract import Wanted
from otel_bridge.extract.dialects.dbt.completion import Completion
from otel_bridge.extract.dialects.dbt.pieces import SCOPE, TOLD, Pieces, complete
from otel_bridge.model import Known, Noted, Observation, RunObserved, Transition
from otel_bridge.namespaces import Namespaces
from otel_bridge.receive.artifacts import chunk


class CompletionStage:
    """Takes artifacts and notes, and completes transitions. `counts` is what came too late: nothing is amended."""

    def __init__(self, pieces: Pieces, names: Namespaces, wanted: Wanted) -> None:
        self._pieces = pieces
        self._completion = Completion(pieces, names, wanted)
        self.counts: Counter[str] = Counter()

    @property
    def completion(self) -> Completion:
        """What it completes with."""
        return self._completion

    def take(self, payload: bytes) -> list[Known]:
        """Keep what a row of an artifact says; what becomes known by it, once all artifacts that tell most are there."""
        said = chunk(payload)
        scope = f"{SCOPE}{said.invocation_id}"
        if said.last and TOLD in self._pieces.of(scope, ""):
            self.counts["artifacts_late"] += 1
        for part in said.parts:
            self._pieces.put(scope, part.part, part.source, part.piece)
        return [Known(scope)] if said.last and complete(self._pieces, scope) else []

    def hear(self, observed: Iterable[Observation]) -> None:
        """Keep what completes other runs than those that are spoken of."""
        for one in observed:
            if isinstance(one, Noted):
                self._completion.note(one)
            elif isinstance(one, RunObserved):
                self._completion.observed(one)

    def of(self, transition: Transition) -> Transition | None:
        """The transition as it is to be told; None if nothing is."""
        return self._completion.of(transition)
