"""What events say of a dataset's other names."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.naming import is_partition, is_passing
from otel_bridge.openlineage.profiles.draft import Draft, Members, opened, text_of, value_of

_MARKS: Final = (b'"symlinks"', b'"previousIdentifier"')
_NAMELESS: Final = frozenset({"", "/", ".", "*"})
LONGEST: Final = 2000
"""Characters of a namespace or name that can be an alias."""
MOST: Final = 1000
"""Statements that are read of one event."""


class Said(StrEnum):
    """How an event says it: by a symlinks facet, or by a lifecycleStateChange RENAME."""

    SYMLINK = "symlink"
    RENAME = "rename"


class Refusal(StrEnum):
    """Why a statement never makes two names one."""

    NO_NAME = "no_name"
    PARTITION = "partition_directory"
    IN_MEMORY = "in_memory"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"


class Evidence(msgspec.Struct, frozen=True):
    """The first event that said it, and when it was said first and last (Unix ns)."""

    event_seq: int = 0
    producer: str = ""
    job_namespace: str = ""
    job_name: str = ""
    key: str = ""
    trace_id: str = ""
    span_id: str = ""
    first_ns: int = 0
    last_ns: int = 0


class Claim(msgspec.Struct, frozen=True):
    """An event called a dataset `dataset`, and said that `alias` is (RENAME: was) its name, too."""

    dataset: Name
    alias: Name
    type: str = "TABLE"
    said: Said = Said.SYMLINK
    evidence: Evidence = Evidence()


class Refused(msgspec.Struct, frozen=True):
    """A statement that is not used, and why."""

    dataset: Name
    alias: Name
    reason: Refusal


def may_claim(body: bytes) -> bool:
    """Whether it is worth reading; a quick look that may say yes for nothing."""
    return any(mark in body for mark in _MARKS)


def claims_of(body: bytes) -> list[Claim | Refused]:
    """What the event says of other names, each statement once; nothing for what is no event."""
    try:
        draft = Draft(body)
        found = dict.fromkeys(claim for _, dataset in draft.datasets for claim in _of_dataset(dataset))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return list(found)[:MOST]


def producer_of(body: bytes) -> str:
    """`producer` of an event."""
    return text_of(Draft(body).members, "producer")


def _of_dataset(dataset: Members) -> Iterator[Claim | Refused]:
    own = Name(text_of(dataset, "namespace"), text_of(dataset, "name"))
    facets = opened(dataset, "facets")
    for alias, kind in _symlinks(value_of(facets, "symlinks")):
        if alias != own:
            yield _judged(Claim(own, alias, kind))
    change: Any = value_of(facets, "lifecycleStateChange")
    if isinstance(change, dict) and change.get("lifecycleStateChange") == "RENAME":
        before = _name(change.get("previousIdentifier"))
        if before is not None and before != own:
            yield _judged(Claim(own, before, "TABLE", Said.RENAME))


def _symlinks(facet: Any) -> Iterator[tuple[Name, str]]:
    identifiers = facet.get("identifiers") if isinstance(facet, dict) else None
    for one in identifiers if isinstance(identifiers, list) else ():
        name = _name(one)
        if name is not None:
            yield name, one["type"] if isinstance(one.get("type"), str) else ""


def _name(value: Any) -> Name | None:
    """None for what is no identifier at all; one without a name is one without a name."""
    if not isinstance(value, dict):
        return None
    namespace, name = value.get("namespace") or "", value.get("name") or ""
    return Name(namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None


def _judged(claim: Claim) -> Claim | Refused:
    names = (claim.dataset, claim.alias)
    if any(part.strip() in _NAMELESS for name in names for part in name):
        return Refused(*names, Refusal.NO_NAME)
    if any(len(part) > LONGEST for name in names for part in name):
        return Refused(claim.dataset, Name("", ""), Refusal.TOO_LONG)
    if any(map(is_passing, names)):
        return Refused(*names, Refusal.IN_MEMORY)
    if any(map(is_partition, names)):
        return Refused(*names, Refusal.PARTITION)
    return claim
