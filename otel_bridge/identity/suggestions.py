"""What looks like one dataset and is not known to be: told with its evidence, and never applied."""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

import msgspec

from otel_bridge.extract.data_sources import Name, default_port
from otel_bridge.identity.claims import Claim
from otel_bridge.identity.known import Identities
from otel_bridge.identity.naming import Kind, is_partition, is_passing, kind_of, scheme_of, spelled
from otel_bridge.openlineage.profiles.draft import Draft, opened, text_of, value_of

MOST_NAMES: Final = 20_000
MOST_RUNS: Final = 50
LARGEST_BUCKET: Final = 20
"""Names that look alike in one way; more of them say nothing."""
FEWEST_FIELDS: Final = 3
_HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})  # noqa: S104 - compared, not listened on
_AUTHORITY: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://([^/]*?)(?::(\d+))?((?:/.*)?)", re.IGNORECASE | re.DOTALL
)
_BETWEEN: Final = re.compile(r"[./]")


class Looks(StrEnum):
    """In what way two names look alike."""

    SPELLING = "the same place in two spellings"
    HOST = "the same server by two addresses"
    CASE = "the names differ in upper and lower case only"
    PATH = "a relative path, and an absolute one that ends with it"
    RUN = "one run told of both as its output, and the last parts of the names are the same"
    SCHEMA = "the last parts of the names and all fields are the same"
    RENAME = "an event said that it was renamed"


class Suggestion(msgspec.Struct, frozen=True):
    """Perhaps `alias` is `canonical`. `whole`: all names of the two namespaces, seen in `names` of them."""

    looks: Looks
    canonical: Name
    alias: Name
    events: tuple[int, ...]
    whole: bool = False
    names: int = 1


class Sighting(msgspec.Struct):
    """A name that was seen in events: where first, with which fields, and as an output of which runs."""

    name: Name
    event_seq: int
    times: int = 0
    fields: frozenset[str] = frozenset()
    runs: set[str] = msgspec.field(default_factory=set)


class Sightings:
    """Names of datasets in events, up to a limit."""

    def __init__(self) -> None:
        self._by_name: dict[Name, Sighting] = {}

    def see(self, seq: int, key: str, body: bytes) -> None:
        """Look at an event; `key` is its run."""
        try:
            draft = Draft(body)
            for role, dataset in draft.datasets:
                facets = opened(dataset, "facets")
                name = Name(text_of(dataset, "namespace"), text_of(dataset, "name"))
                self._see(name, seq, _fields(value_of(facets, "schema")), key if role == "output" else "")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return

    def all(self) -> list[Sighting]:
        """What was seen, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def _see(self, name: Name, seq: int, fields: frozenset[str], run: str) -> None:
        found = self._by_name.get(name)
        if found is None:
            if len(self._by_name) >= MOST_NAMES or not all(name) or is_passing(name) or is_partition(name):
                return
            found = self._by_name[name] = Sighting(name, seq)
        found.times += 1
        found.fields = fields or found.fields
        if run and len(found.runs) < MOST_RUNS:
            found.runs.add(run)


def suggestions(seen: Iterable[Sighting], known: Identities) -> list[Suggestion]:
    """Pairs of names that are not known to be one, each for the plainest reason."""
    sightings = [one for one in seen if known.canonical(one.name) == one.name]
    found: dict[frozenset[Name], Suggestion] = {}
    for looks, key, also in _WAYS:
        for one, other in _pairs(sightings, key):
            pair = frozenset((one.name, other.name))
            if pair not in found and (also is None or also(one, other)):
                found[pair] = _suggested(looks, one, other)
    for claim in known.renames():
        if known.canonical(claim.dataset) != known.canonical(claim.alias):
            pair = frozenset((claim.dataset, claim.alias))
            found.setdefault(pair, _renamed(claim))
    return _gathered(found.values())


def _suggested(looks: Looks, one: Sighting, other: Sighting) -> Suggestion:
    first, second = sorted((one, other), key=_standing)
    same = one.name.name == other.name.name and looks in (Looks.SPELLING, Looks.HOST)
    return Suggestion(looks, first.name, second.name, (first.event_seq, second.event_seq), same)


def _renamed(claim: Claim) -> Suggestion:
    return Suggestion(Looks.RENAME, claim.dataset, claim.alias, (claim.evidence.event_seq,))


def _gathered(found: Iterable[Suggestion]) -> list[Suggestion]:
    """One for all names of two namespaces that are one."""
    whole: dict[tuple[str, str], list[Suggestion]] = {}
    single = []
    for one in found:
        if one.whole:
            whole.setdefault((one.canonical.namespace, one.alias.namespace), []).append(one)
        else:
            single.append(one)
    gathered = [msgspec.structs.replace(ones[0], names=len(ones)) for ones in whole.values()]
    return sorted(
        (*gathered, *single), key=lambda one: (list(Looks).index(one.looks), one.canonical, one.alias)
    )


def _pairs(
    sightings: list[Sighting], key: Callable[[Sighting], Iterable[Any]]
) -> Iterator[tuple[Sighting, Sighting]]:
    buckets: dict[Any, list[Sighting]] = {}
    for one in sightings:
        for label in key(one):
            buckets.setdefault(label, []).append(one)
    for ones in buckets.values():
        if len(ones) <= LARGEST_BUCKET:
            yield from combinations(ones, 2)


def _standing(one: Sighting) -> tuple[bool, bool, bool, bool, int, Name]:
    """The lowest is proposed as canonical."""
    namespace = one.name.namespace
    parts = _AUTHORITY.fullmatch(namespace)
    host, port = (parts[2].lower(), parts[3]) if parts else ("", None)
    logical, relative = kind_of(one.name) is Kind.LOGICAL, _relative_path(namespace) is not None
    misspelled = spelled(one.name) != one.name
    return logical, relative or misspelled, host in _HERE, port is None, -one.times, one.name


def _by_spelling(one: Sighting) -> Iterator[Name]:
    if kind_of(one.name) is Kind.LOCATION:
        yield spelled(one.name)


def _by_host(one: Sighting) -> Iterator[tuple[str, ...]]:
    parts = _AUTHORITY.fullmatch(one.name.namespace)
    if parts and parts[2] and kind_of(one.name) is Kind.TABLE and scheme_of(one.name.namespace) != "duckdb":
        scheme, host = parts[1].lower(), parts[2].lower()
        port = parts[3] or str(default_port(scheme) or "")
        yield scheme, "localhost" if host in _HERE else host, port, parts[4], one.name.name


def _by_case(one: Sighting) -> Iterator[tuple[str, str]]:
    yield one.name.namespace.casefold(), one.name.name.casefold()


def _by_file(one: Sighting) -> Iterator[tuple[str, str]]:
    scheme = scheme_of(one.name.namespace)
    if scheme in ("duckdb", "sqlite"):
        path = one.name.namespace.partition("://")[2]
        yield path.rpartition("/")[2], one.name.name.casefold()


def _by_tail(one: Sighting) -> Iterator[tuple[str, ...]]:
    tail = _tail(one.name)
    if len(tail) == 2:
        yield tail


def _by_tail_and_fields(one: Sighting) -> Iterator[tuple[Any, ...]]:
    if len(one.fields) >= FEWEST_FIELDS:
        yield (*_tail(one.name), one.fields)


def _one_ends_with_the_other(one: Sighting, other: Sighting) -> bool:
    paths = [one.name.namespace.partition("://")[2], other.name.namespace.partition("://")[2]]
    absolute = [path for path in paths if path.startswith("/")]
    relative = [_relative_path(s.name.namespace) for s in (one, other)]
    ends = [path for path in relative if path]
    return len(absolute) == len(ends) == 1 and absolute[0].endswith(f"/{ends[0]}")


def _same_run(one: Sighting, other: Sighting) -> bool:
    logical = [kind_of(s.name) is Kind.LOGICAL for s in (one, other)]
    return any(logical) and not all(logical) and bool(one.runs & other.runs)


def _other_namespace(one: Sighting, other: Sighting) -> bool:
    return one.name.namespace != other.name.namespace


_WAYS: Final[
    tuple[tuple[Looks, Callable[[Sighting], Iterable[Any]], Callable[[Sighting, Sighting], bool] | None], ...]
] = (
    (Looks.SPELLING, _by_spelling, None),
    (Looks.HOST, _by_host, None),
    (Looks.CASE, _by_case, None),
    (Looks.PATH, _by_file, _one_ends_with_the_other),
    (Looks.RUN, _by_tail, _same_run),
    (Looks.SCHEMA, _by_tail_and_fields, _other_namespace),
)


def _relative_path(namespace: str) -> str | None:
    """The path of a database file that is relative to who knows what."""
    scheme, _, path = namespace.partition("://")
    if scheme not in ("duckdb", "sqlite") or not path or path.startswith("/"):
        return None
    return path.removeprefix("./")


def _tail(name: Name) -> tuple[str, ...]:
    """The last two parts of a name, in lower case."""
    return tuple(_BETWEEN.split(name.name.casefold())[-2:])


def _fields(schema: Any) -> frozenset[str]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    names = (one.get("name") for one in (fields if isinstance(fields, list) else ()) if isinstance(one, dict))
    return frozenset(name.casefold() for name in names if isinstance(name, str))
