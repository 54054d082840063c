"""What events say of the names of datasets: kept with the events themselves, longer than these, and read elsewhere."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from sys import intern
from typing import Any

from otel_bridge.identity import (
    Claim,
    Evidence,
    Identities,
    Name,
    Refusal,
    Refused,
    Said,
    claims_of,
    may_claim,
    producer_of,
)
from otel_bridge.journal import queries
from otel_bridge.journal.database import Reader
from otel_bridge.model import Event
from otel_bridge.settings import Identity

PER_NAME = 100
"""Other names of one dataset, and datasets of one name, that are kept. Nobody can tell more of them apart."""
MOST = 50_000
"""Statements that are kept at all; each takes one or two kilobytes in memory where names are looked up."""
REFUSED_KEPT = 1000
REMEMBERED = 20_000
TOUCH_NS = 3600 * 10**9
"""That a statement was made again is written this often at most."""
PAGE = 1000

_SQL = queries.load("claims")

_Key = tuple[str, str, str, str, str]


class Claims:
    """The writer's part, within the transactions of an `EventLog`."""

    def __init__(self, connection: sqlite3.Connection, kept: int) -> None:
        self._connection = connection
        self._kept = kept
        self._said: dict[_Key, int] = {}
        self._fresh: dict[_Key, int] = {}

    def learn(self, events: Iterable[tuple[int, Event]], now_ns: int) -> Counter[str]:
        """Keep what numbered events say; returns the changes of counters."""
        self._fresh, changes = {}, Counter[str]()
        for seq, event in events:
            if may_claim(event.body):
                for said in claims_of(event.body):
                    changes.update(self._take(said, seq, event, now_ns, changes["identity:claims"]))
        if any(name.startswith("identity:refused") for name in changes):
            self._connection.execute(_SQL["bound_refused"], (REFUSED_KEPT,))
        return changes

    def saved(self, changes: Counter[str]) -> None:
        """What was learned last is durable."""
        if len(self._said) + len(self._fresh) > REMEMBERED:
            self._said.clear()
        self._said.update(self._fresh)
        self._fresh = {}
        self._kept += changes["identity:claims"]

    def forget(self, before_ns: int, limit: int) -> Counter[str]:
        """Forget what nobody said since, within a transaction; returns the changes of counters."""
        self._fresh = {}
        gone = self._connection.execute(_SQL["old"], (before_ns, limit)).rowcount
        self._connection.execute(_SQL["old_refused"], (before_ns, limit))
        if gone:
            self._said.clear()
        return Counter({"identity:claims": -gone, "identity:forgotten": gone} if gone else {})

    def _take(self, said: Claim | Refused, seq: int, event: Event, now_ns: int, new: int) -> dict[str, int]:
        if isinstance(said, Refused):
            return self._refuse(said, seq, now_ns)
        key = (*said.dataset, *said.alias, said.said.value)
        last_ns = self._fresh.get(key) or self._said.get(key)
        if last_ns is not None and now_ns - last_ns < TOUCH_NS:
            return {}
        self._fresh[key] = now_ns
        known = self._connection.execute(_SQL["find"], key).fetchone()
        if known:
            self._connection.execute(_SQL["touch"], (now_ns, known[0]))
            return {}
        if self._kept + new >= MOST or self._crowded(said):
            return self._refuse(Refused(said.dataset, said.alias, Refusal.TOO_MANY), seq, now_ns)
        self._connection.execute(_SQL["insert"], _values(key, said, seq, event, now_ns))
        return {"identity:claims": 1}

    def _crowded(self, claim: Claim) -> bool:
        counts = (
            self._connection.execute(_SQL[query], (*name, PER_NAME)).fetchone()[0]
            for query, name in (("of_dataset", claim.dataset), ("of_alias", claim.alias))
        )
        return any(count >= PER_NAME for count in counts)

    def _refuse(self, refused: Refused, seq: int, now_ns: int) -> dict[str, int]:
        values = (refused.reason.value, *refused.dataset, *refused.alias, seq, now_ns)
        self._connection.execute(_SQL["refuse"], values)
        return {f"identity:refused:{refused.reason.value}": 1}


def _values(key: _Key, claim: Claim, seq: int, event: Event, now_ns: int) -> tuple[Any, ...]:
    told = (event.job_namespace, event.job_name, event.key, event.trace_id, event.span_id)
    return *key, claim.type, seq, producer_of(event.body), *told, now_ns, now_ns


class ClaimReader(Reader):
    """Read-only access, in other processes."""

    database = "events"

    def read(self, after: int, limit: int) -> list[tuple[int, Claim]]:
        """The next statements after a number, with their own."""
        return [_claim(*row) for row in self._rows(_SQL["read"], (after, limit))]

    def refused(self, limit: int = 100) -> list[tuple[Refused, int]]:
        """Examples of statements that never count, the latest first, each with the number of its event."""
        rows = self._rows(_SQL["refused"], (limit,))
        return [
            (Refused(Name(namespace, name), Name(alias_namespace, alias_name), Refusal(reason)), seq)
            for reason, namespace, name, alias_namespace, alias_name, seq in rows
        ]

    def forgotten(self) -> int:
        """How many statements were forgotten since the file was made."""
        return self._number(_SQL["forgotten"]) or 0


def _claim(number: int, *fields: Any) -> tuple[int, Claim]:
    namespace, name, alias_namespace, alias_name, kind, said, seq, producer, job_namespace, job_name, *ids = (
        fields
    )
    evidence = Evidence(seq, intern(producer), intern(job_namespace), intern(job_name), *ids)
    dataset, alias = Name(intern(namespace), name), Name(intern(alias_namespace), alias_name)
    return number, Claim(dataset, alias, intern(kind), Said(said), evidence)


class KnownNames:
    """All that is known of names at the moment, by the journal and the configuration. From any thread."""

    def __init__(self, directory: Path, identity: Identity) -> None:
        self._reader = ClaimReader(directory)
        self._identity = identity
        self._lock = threading.Lock()
        self._identities = Identities(identity)
        self._read_to = 0
        self._forgotten = 0

    def current(self) -> Identities:
        """Look whether more was said, or something forgotten, and take it in.

        Raises:
            Unavailable: it can't be read at the moment.
        """
        with self._lock:
            forgotten = self._reader.forgotten()
            if forgotten != self._forgotten:
                self._identities, self._read_to = Identities(self._identity), 0
            while rows := self._reader.read(self._read_to, PAGE):
                self._identities.learn(claim for _, claim in rows)
                self._read_to = rows[-1][0]
            self._forgotten = forgotten
            return self._identities

    def refused(self, limit: int = 100) -> list[tuple[Refused, int]]:
        """Examples of statements that never count, the latest first, each with the number of its event."""
        with self._lock:
            return self._reader.refused(limit)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._reader.close()
