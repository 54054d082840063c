"""What `otel-bridge doctor` says of names of datasets: conflicts, and what looks like one dataset."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from otel_bridge.cli.aliases import plain, shown, told
from otel_bridge.identity import Contradiction, Identities, Refusal
from otel_bridge.identity.suggestions import Looks, Sightings, Suggestion, suggestions
from otel_bridge.journal import EventReader, Sums

SHOWN = 10
CONFLICTS_SHOWN = 3
LOOKED_AT = 5000
"""Events, the newest ones, in which names are looked for."""
PAGE = 500

_DECIDE = "Say in identity.aliases which of them it is (docs/identity.md)."
_TO_DO = {
    Contradiction.CROWD: "Correct what emits them; `otel-bridge aliases explain` says which events did (docs/identity.md)."
}
_ADVICE = {
    Refusal.NO_NAME.value: "symlinks lack a namespace or a name. Correct what emits them.",
    Refusal.TOO_LONG.value: "symlinks are longer than any dataset's name. Correct what emits them.",
    Refusal.TOO_MANY.value: "symlinks are too many for one name. `otel-bridge aliases list` shows which; correct what emits them.",
}
_NO_FAULT = {
    Refusal.PARTITION.value: "between a table and a folder of one of its partitions are not used: they are not one dataset",
    Refusal.IN_MEMORY.value: "to a database in memory are not used: the next process may mean another one",
}


def findings(known: Identities, figures: Sums) -> Iterator[str]:
    """What should be decided or corrected."""
    conflicts = known.conflicts()
    for conflict in conflicts[:CONFLICTS_SHOWN]:
        lines = "\n".join(f"  {line}" for line in told(conflict)).strip()
        yield f"{lines}\n  {_TO_DO.get(conflict.reason, _DECIDE)}"
    if len(conflicts) > CONFLICTS_SHOWN:
        yield f"{len(conflicts) - CONFLICTS_SHOWN} more conflicts between names; `otel-bridge aliases list` shows them."
    for reason, number in figures.refused_names.items():
        if reason in _ADVICE:
            yield f"{number} {_ADVICE[reason]}"


def remarks(known: Identities, figures: Sums, events: EventReader) -> Iterator[str]:
    """What is for the user to decide, and nothing wrong by itself."""
    for reason, why in _NO_FAULT.items():
        if number := figures.refused_names.get(reason):
            yield f"{number} symlinks {why}."
    found = suggestions(_seen(events).all(), known)
    if found:
        yield from _suggested(found)


def _seen(events: EventReader) -> Sightings:
    seen, last = Sightings(), events.last_seq()
    after = max(0, last - LOOKED_AT)
    while page := events.read(after, PAGE):
        after = page[-1].seq
        for stored in page:
            seen.see(stored.seq, stored.event.key, stored.event.body)
    return seen


def _suggested(found: list[Suggestion]) -> Iterator[str]:
    pairs = (
        "A pair of names may be one dataset"
        if len(found) == 1
        else f"{len(found)} pairs of names may each be one dataset"
    )
    yield f"{pairs}. Nothing was changed; paste what is right into the configuration:"
    for one in found[:SHOWN]:
        where = ", ".join(map(str, sorted(set(one.events))))
        more = f" ({one.names} names)" if one.names > 1 else ""
        yield f"  # {one.looks.value}{more}; events {where}"
        if one.looks is Looks.RENAME:
            yield "  # right as long as the former name is not used for another dataset"
        yield f"  #   {shown(one.canonical)}"
        yield f"  #   {shown(one.alias)}"
    yield yaml.safe_dump({"identity": _settings(found[:SHOWN])}, sort_keys=False, width=1000).rstrip()
    if len(found) > SHOWN:
        yield f"  # {len(found) - SHOWN} more pairs are not shown"


def _settings(found: list[Suggestion]) -> dict[str, Any]:
    """As one pastes it. A name that stands for one and by another suggestion is an alias goes with the latter."""
    above = {one.alias: one.canonical for one in reversed(found) if not one.whole}
    groups: dict[Any, list[Any]] = {}
    for alias in sorted(above):
        canonical, passed = above[alias], {alias}
        while canonical in above and canonical not in passed:
            passed.add(canonical)
            canonical = above[canonical]
        if canonical != alias:
            groups.setdefault(canonical, []).append(plain(alias))
    rules = [
        {
            "match": {"namespace": re.escape(one.alias.namespace)},
            "to": {"namespace": one.canonical.namespace.replace("{", "{{").replace("}", "}}")},
        }
        for one in found
        if one.whole
    ]
    aliases = [{"canonical": plain(name), "aliases": others} for name, others in groups.items()]
    return {**({"aliases": aliases} if aliases else {}), **({"rules": rules} if rules else {})}
