"""The API's door for events of other producers."""

import json
import random

from chaos.fuzz import foreign
from chaos.fuzz.answers import Answer
from chaos.fuzz.http_requests import Sent
from chaos.fuzz.http_traffic import HttpTraffic
from chaos.fuzz.neighbours import Ledger
from chaos.fuzz.outcome import Outcome

TAKEN = {foreign.ONE: (200, 201), foreign.MANY: (200, 204)}
REFUSED = (400, 413, 415, 422)


class ApiTraffic(HttpTraffic):
    """Whole requests only: the framing is uvicorn's."""

    name = "OpenLineage over HTTP"

    def __init__(self, endpoint: str, ledger: Ledger, outcome: Outcome, *, whole: int) -> None:
        super().__init__(endpoint, None, ledger, outcome, whole=whole, broken=0)
        self._events = foreign.Events()

    def hostile(self, chance: random.Random) -> Sent:
        """A hostile request."""
        return self._events.hostile(chance)

    def valid(self, chance: random.Random) -> Sent:
        """A neighbour."""
        return foreign.valid(chance)

    def taken(self, answer: Answer) -> bool:
        """Whether a batch was taken, all of it."""
        return answer.status == 204

    def complaint(self, answer: Answer, one: Sent) -> str:
        """What is wrong with an answer."""
        if answer.status in TAKEN[one.signal]:
            return (
                ""
                if not answer.body or json.loads(answer.body)["summary"]["failed"]
                else "a partial success without a failure"
            )
        if answer.status not in REFUSED:
            return f"status {answer.status}: {answer.body[:200]!r}"
        return "" if json.loads(answer.body).get("error") else f"no reason in {answer.body[:100]!r}"
