"""What a campaign finds out, added up."""

from collections import Counter
from pathlib import Path
from threading import Lock

import msgspec

MAX_KEPT = 50
_adding = Lock()


class Finding(msgspec.Struct, frozen=True):
    """An answer, or a missing one, that must not be; `request` is the start of what was sent."""

    batch: int
    door: str
    kind: str
    what: str
    request: bytes = b""


class Outcome(msgspec.Struct):
    """Requests by `<door>|<kind>`, answers by `<door>|<class>`, and findings."""

    requests: dict[str, int] = {}
    answers: dict[str, int] = {}
    findings: list[Finding] = []
    neighbours: int = 0
    events: int = 0

    def sent(self, door: str, kind: str) -> None:
        """Count a hostile request."""
        key = f"{door}|{kind}"
        with _adding:
            self.requests[key] = self.requests.get(key, 0) + 1

    def answered(self, door: str, kind: str) -> None:
        """Count what came back."""
        key = f"{door}|{kind}"
        with _adding:
            self.answers[key] = self.answers.get(key, 0) + 1

    def found(self, finding: Finding) -> None:
        """Keep a finding."""
        if len(self.findings) < MAX_KEPT:
            self.findings.append(finding)

    @property
    def total(self) -> int:
        """Hostile requests so far, those in process left out."""
        return sum(n for key, n in self.requests.items() if not key.startswith("in process|"))

    def by_door(self, counts: dict[str, int]) -> dict[str, Counter[str]]:
        """Counts by door."""
        found: dict[str, Counter[str]] = {}
        for key, number in counts.items():
            door, _, kind = key.partition("|")
            found.setdefault(door, Counter())[kind] += number
        return found

    def save(self, file: Path) -> None:
        """Write it, findings included, for a later run to go on from."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(self))
