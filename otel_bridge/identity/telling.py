"""What is known of names as plain values, for the API and the command line: both tell the same."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.claims import Claim, Refused
from otel_bridge.identity.known import Explanation, Identities
from otel_bridge.identity.resolution import Block, Conflict

MOST: Final = 100
"""Names and statements that are told of one conflict."""


class Counts(msgspec.Struct, frozen=True):
    """Datasets with several names, names that stand for another one, and conflicts by reason."""

    datasets: int = 0
    aliases: int = 0
    conflicts: dict[str, int] = {}

    @classmethod
    def of(cls, known: Identities) -> "Counts":
        """Count."""
        blocks = known.datasets()
        reasons = Counter(conflict.reason.value for conflict in known.conflicts())
        return cls(len(blocks), sum(len(block.names) - 1 for block in blocks), dict(reasons))


def of_dataset(block: Block) -> dict[str, Any]:
    """A dataset with its names."""
    others = [of_name(name) for name in block.names if name != block.canonical]
    return {"canonical": of_name(block.canonical), "aliases": others}


def of_conflict(conflict: Conflict) -> dict[str, Any]:
    """A conflict with the statements that make it, of many the first ones and how many there are."""
    return {
        "reason": conflict.reason.value,
        "alias": conflict.alias and of_name(conflict.alias),
        "datasets": [of_name(name) for name in conflict.datasets[:MOST]],
        "datasets_total": len(conflict.datasets),
        "settled": conflict.settled,
        "statements": [of_claim(claim) for claim in conflict.claims[:MOST]],
        "statements_total": len(conflict.claims),
    }


def of_claim(claim: Claim) -> dict[str, Any]:
    """A statement with the first event that made it."""
    evidence = claim.evidence
    return {
        "dataset": of_name(claim.dataset),
        "alias": of_name(claim.alias),
        "type": claim.type,
        "said": claim.said.value,
        "event": evidence.event_seq,
        "producer": evidence.producer,
        "job": {"namespace": evidence.job_namespace, "name": evidence.job_name},
        "key": evidence.key,
        "trace_id": evidence.trace_id,
        "span_id": evidence.span_id,
        "first_seen_ns": evidence.first_ns,
        "last_seen_ns": evidence.last_ns,
    }


def of_refused(refused: Iterable[tuple[Refused, int]]) -> list[dict[str, Any]]:
    """Statements that never count, each with an event that made it."""
    return [
        {
            "reason": one.reason.value,
            "dataset": of_name(one.dataset),
            "alias": of_name(one.alias),
            "event": seq,
        }
        for one, seq in refused
    ]


def of_explanation(told: Explanation) -> dict[str, Any]:
    """Why a name stands for what it stands for."""
    return {
        "name": of_name(told.name),
        "canonical": of_name(told.canonical),
        "names": [of_name(name) for name in told.names],
        "decided_by": told.why.value,
        "rule": told.rule,
        "statements": [of_claim(claim) for claim in told.claims],
        "conflicts": [of_conflict(conflict) for conflict in told.conflicts],
    }


def of_name(name: Name) -> dict[str, str]:
    """Namespace and name."""
    return name._asdict()
