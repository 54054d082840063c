"""An event that is being adapted: opened only where somebody looks, encoded again only if something changed.

What nobody opened stays the bytes that it was, whoever produced it; members that we know nothing of included.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, wraps
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

from otel_bridge.openlineage.core import SLOT_NAMES, facet_url
from otel_bridge.settings import Slot

Members = dict[str, Any]
"""A JSON object: each member opened (plain Python values), or still `Raw`."""

T = TypeVar("T")

REMEMBERED: Final = 512
REMEMBERED_SIZE: Final = 32 * 1024
"""Larger values are worked on each time, which bounds the memory."""

OURS: Final = "https://github.com/otel-bridge/otel-bridge"
"""`_producer` of what a profile adds."""

TAGS: Final[dict[Slot, str]] = {
    "run": facet_url("TagsRunFacet", "1-0-0"),
    "job": facet_url("TagsJobFacet", "1-0-0"),
    "dataset": facet_url("TagsDatasetFacet", "1-0-0"),
}

encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_list: Final = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_text: Final = msgspec.json.Decoder(str).decode
_value: Final = msgspec.json.Decoder().decode


class Draft:
    """One event's members. `changed` says whether it differs from what came."""

    __slots__ = ("_datasets", "changed", "members", "shed")

    def __init__(self, body: bytes) -> None:
        self.members: Members = _members(body)
        self.changed = False
        self.shed: dict[str, None] = {}
        self._datasets: list[tuple[str, Members]] | None = None

    @property
    def of_run(self) -> bool:
        """Whether it tells of a run, and not of a job or dataset by itself."""
        return bool(self.run)

    @property
    def run(self) -> Members:
        """The run; empty if the event has none."""
        return opened(self.members, "run")

    @property
    def job(self) -> Members:
        """The job; empty if the event has none."""
        return opened(self.members, "job")

    @property
    def run_facets(self) -> Members:
        """Facets of the run."""
        return opened(self.run, "facets")

    @property
    def job_facets(self) -> Members:
        """Facets of the job."""
        return opened(self.job, "facets")

    @property
    def parent(self) -> Members:
        """The run's parent facet, by its former name, too; empty if it has none."""
        return opened(self.run_facets, "parent") or opened(self.run_facets, "parentRun")

    @property
    def datasets(self) -> list[tuple[str, Members]]:
        """Every dataset with its role: `input`, `output` or `dataset`."""
        if self._datasets is None:
            found = [(role, one) for role, key in (("input", "inputs"), ("output", "outputs"))
                     for one in _opened_list(self.members, key)]  # fmt: skip
            own = opened(self.members, "dataset")
            self._datasets = [*found, *([("dataset", own)] if own else [])]
        return self._datasets

    def has(self, key: str) -> bool:
        """Whether there is a dataset among `inputs` or `outputs`."""
        return bool(_opened_list(self.members, key))

    def clear(self, key: str) -> None:
        """Take all datasets of `inputs` or `outputs` away."""
        self.replace(key, [])

    def replace(self, key: str, datasets: list[Members]) -> None:
        """Give `inputs` or `outputs` other datasets."""
        self.put(self.members, key, datasets)
        self._datasets = None

    def facets_in(self, slot: str) -> list[Members]:
        """The maps of facets of the job, or those of all datasets."""
        return (
            [self.job_facets]
            if slot == "job"
            else [opened(dataset, "facets") for _, dataset in self.datasets]
        )

    def facet_slots(self) -> Iterator[tuple[Slot, Members]]:
        """Every map of facets, with its slot."""
        yield "run", self.run_facets
        yield "job", self.job_facets
        for _, dataset in self.datasets:
            for slot in ("dataset", "input", "output"):
                if SLOT_NAMES[slot] in dataset:
                    yield slot, opened(dataset, SLOT_NAMES[slot])

    def put(self, members: Members, key: str, value: Any) -> None:
        """Set a member."""
        members[key] = value
        self.changed = True

    def add_facet(self, owner: str, key: str, schema_url: str, fields: Members) -> None:
        """Give the `run` or `job` one more facet."""
        node = opened(self.members, owner)
        facets = node["facets"] = opened(node, "facets")
        self.put(facets, key, {"_producer": OURS, "_schemaURL": schema_url, **fields})

    def remove(self, name: str, members: Members, key: str) -> None:
        """Take a member away, and remember as shed what `name` calls it."""
        self.shed[name] = None
        self.changed = True
        del members[key]

    def encoded(self) -> bytes:
        """As JSON, with a tag that names what was shed."""
        if not self.shed:
            return encode(self.members)
        slot: Slot = "run" if self.of_run else "job" if self.job else "dataset"
        owner = opened(self.members, slot)
        facets = dict(opened(owner, "facets"))
        facets["tags"] = _tagged(facets.get("tags"), TAGS[slot], self.shed)
        return encode({**self.members, slot: {**owner, "facets": facets}})


def opened(members: Members, key: str) -> Members:
    """A member that is an object, opened in place; empty if there is none, or it is none."""
    value = members.get(key)
    if isinstance(value, dict):
        return value
    if not isinstance(value, Raw):
        return {}
    try:
        members[key] = found = _members(value)
    except msgspec.MsgspecError:
        return {}
    return found


def text_of(members: Members, key: str) -> str:
    """A member that is a text; "" if there is none, or it is none."""
    value = members.get(key)
    if isinstance(value, str):
        return value
    try:
        return _text(value) if isinstance(value, Raw) else ""
    except msgspec.MsgspecError:
        return ""


def value_of(members: Members, key: str) -> Any:
    """A member as plain values; None if there is none."""
    value = members.get(key)
    return _value(value) if isinstance(value, Raw) else value


def rewritten(value: Any, change: Callable[[Members], Members]) -> Any:
    """Plain values with every object in them changed, from the inside out."""
    if isinstance(value, dict):
        return change({key: rewritten(inner, change) for key, inner in value.items()})
    if isinstance(value, list):
        return [rewritten(inner, change) for inner in value]
    return value


def raw(value: Any) -> bytes:
    """A member as JSON."""
    return bytes(value) if isinstance(value, Raw) else encode(value)


def changed(before: bytes, found: Any) -> Raw | None:
    """A member's new value as JSON, None if it is the old one."""
    return None if found == _value(before) else Raw(encode(found))


def replace_facets(draft: Draft, key: str, change: Callable[[bytes], Raw | None]) -> None:
    """Change a facet of all datasets, where `change` has something to change."""
    for _, dataset in draft.datasets:
        facets = opened(dataset, "facets")
        if key in facets:
            found = change(raw(facets[key]))
            if found is not None:
                draft.put(facets, key, found)


def remembering(work: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Keep the latest answers for small values: schemas and column lineage come again and again."""
    small = lru_cache(REMEMBERED)(work)

    @wraps(work)
    def answer(value: bytes) -> T:
        return small(value) if len(value) <= REMEMBERED_SIZE else work(value)

    return answer


def _opened_list(members: Members, key: str) -> list[Members]:
    value = members.get(key)
    if isinstance(value, list):
        return value
    if not isinstance(value, Raw):
        return []
    try:
        found: list[Members] = _list(value)
    except msgspec.MsgspecError:
        return []
    members[key] = found
    return found


def _tagged(tags: Any, schema_url: str, shed: Iterable[str]) -> Members:
    """A tags facet with one more tag."""
    facet = value_of({"tags": tags}, "tags") if tags is not None else None
    mine = {"key": "otel_bridge.shed", "value": ",".join(shed), "source": "OTEL_BRIDGE"}
    if not isinstance(facet, dict):
        return {"_producer": OURS, "_schemaURL": schema_url, "tags": [mine]}
    known = facet.get("tags")
    return {**facet, "tags": [*(known if isinstance(known, list) else []), mine]}
