"""One dataset, several names: which names are one, and which of them stands for it (docs/identity.md). No I/O.

| module | owns |
|---|---|
| `claims` | what events say of other names |
| `naming` | what a name tells of what it names |
| `rules` | what is configured |
| `resolution` | which statements are believed, and the canonical name |
| `known` | all of it together, kept up to date |
| `rewriting` | events by canonical names |
| `suggestions` | what looks like one dataset, for the user to decide |
"""

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.claims import (
    Claim,
    Evidence,
    Refusal,
    Refused,
    Said,
    claims_of,
    may_claim,
    producer_of,
)
from otel_bridge.identity.known import Explanation, Identities, Why
from otel_bridge.identity.resolution import Block, Conflict, Contradiction, resolve
from otel_bridge.identity.rules import problems, shown

__all__ = [
    "Block",
    "Claim",
    "Conflict",
    "Contradiction",
    "Evidence",
    "Explanation",
    "Identities",
    "Name",
    "Refusal",
    "Refused",
    "Said",
    "Why",
    "claims_of",
    "may_claim",
    "problems",
    "producer_of",
    "resolve",
    "shown",
]
