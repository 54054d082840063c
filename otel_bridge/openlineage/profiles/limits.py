"""Kinds of rules on what a consumer can store: texts, names, whole events."""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from otel_bridge.openlineage.profiles.draft import Draft, Members, opened, raw, remembering, text_of
from otel_bridge.openlineage.profiles.rules import Refused, Rule, joined

Where = Literal[
    "key",
    "job.sourceCodeLocation.url",
    "dataset.schema.fields[].name",
    "dataset.schema.fields[].type",
    "dataset.dataSource.name",
    "dataset.symlinks.identifiers",
    "dataset.symlinks.identifiers[].type",
    "dataset.symlinks.identifiers[].name",
    "dataset.symlinks.identifiers[].namespace",
    "dataset.lifecycleStateChange.lifecycleStateChange",
    "dataset.columnLineage.fields{}.inputFields",
    "dataset.columnLineage.fields{}.inputFields[].namespace|name|field",
    "dataset.columnLineage.fields{}.transformationType",
]
"""A place in a facet: `[]` is each of a list, `{}` each value of an object, `|` parts names; `key` is the facet's own."""

Encoder = Literal["as it is", "openlineage-python"]

MOST_WIDENED: Final = 3
"""How many times larger Python's `json` may write a text: `ü` becomes `\\u00fc`."""

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_value: Final = msgspec.json.Decoder().decode


class NulCharacters(Rule, frozen=True, kw_only=True):
    """NUL characters are replaced, wherever they are."""

    def what(self) -> str:
        """As the documents say it."""
        return "NUL characters (U+0000) become U+FFFD, wherever they are."

    def cleaned(self, body: bytes) -> bytes:
        """Replace them; in JSON they can only be written as an escape."""
        return _NUL.sub(rb"\1\\ufffd", body) if rb"\u0000" in body else body


class UnfitFacets(Rule, frozen=True, kw_only=True):
    """A facet is shed whole if a text in it is longer than `limit`, or missing though it is `needed`."""

    where: Where
    limit: int | None = None
    needed: bool = False

    def what(self) -> str:
        """As the documents say it."""
        if self.where == "key":
            return f"A facet whose own name has more than {self.limit:,} characters is shed."
        slot, facet, inside = self.where.split(".", 2)
        faults = [f"has more than {self.limit:,} characters"] if self.limit else []
        faults += ["is missing or blank"] if self.needed else []
        inside = "` or `".join(inside.split("|"))
        return f"`{slot}.{facet}` is shed if its `{inside}` {' or '.join(faults)}."

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Shed them."""
        if self.where == "key":
            self._by_key(draft)
            return
        slot, facet, inside = self.where.split(".", 2)
        for members in draft.facets_in(slot):
            if facet in members and _judge(inside, self.limit, self.needed)(raw(members[facet])):
                draft.remove(f"{slot}.{facet}", members, facet)

    def _by_key(self, draft: Draft) -> None:
        for slot, facets in draft.facet_slots():
            for key in [key for key in facets if self.limit and len(key) > self.limit]:
                draft.remove(f"{slot}.{key}", facets, key)


class StoredNames(Rule, frozen=True, kw_only=True):
    """Names that the consumer can store: an event with others is a dead letter, since a name that is cut is another.

    Sizes are bytes of a namespace and a name together; the name of a job is the one with its parent's in front.
    """

    namespace: int
    job: int
    dataset: int

    def what(self) -> str:
        """As the documents say it."""
        return (
            f"An event is a dead letter if a namespace has more than {self.namespace:,} characters, if namespace and "
            f"name of a dataset have more than {self.dataset:,} bytes together or those of a job (with its parent's name "
            f"in front) more than {self.job:,}, or if the name of a dataset or job is blank."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Refuse it."""
        for role, dataset in draft.datasets:
            self._check(
                f"an {role}" if role != "dataset" else "the dataset",
                dataset,
                text_of(dataset, "name"),
                self.dataset,
            )
        if draft.job:
            name = text_of(draft.job, "name")
            above = text_of(opened(draft.parent, "job"), "name") if draft.of_run else ""
            self._check("the job", draft.job, name and joined(above, name) if above else name, self.job)

    def _check(self, who: str, node: Members, name: str, limit: int) -> None:
        namespace = text_of(node, "namespace")
        size = len(namespace.encode()) + len(name.encode())
        if len(namespace) > self.namespace:
            raise Refused(
                f"the namespace of {who} has {len(namespace)} characters, and the consumer takes {self.namespace}; "
                "shorten it, or map it with `namespaces`"
            )
        if size > limit:
            raise Refused(
                f"namespace and name of {who} have {size} bytes, and the consumer takes {limit}; shorten them"
            )
        if not name.strip():
            raise Refused(f"the name of {who} is blank; correct what emits it")


class NameLimit(Rule, frozen=True, kw_only=True):
    """An event with a longer name of a dataset is a dead letter: a name that is cut is another name."""

    limit: int

    def what(self) -> str:
        """As the documents say it."""
        return (
            f"An event is a dead letter if namespace and name of a dataset, joined by a colon, have more than "
            f"{self.limit:,} characters."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Refuse it."""
        for role, dataset in draft.datasets:
            length = len(text_of(dataset, "namespace")) + 1 + len(text_of(dataset, "name"))
            if length > self.limit:
                raise Refused(
                    f"the name of an {role} has {length} characters, and the consumer takes {self.limit}; shorten it"
                )


class Cap(Rule, frozen=True, kw_only=True):
    """Largest event in bytes, as its `encoder` writes it; `shedding` brings larger ones below it."""

    size: int
    encoder: Encoder = "as it is"

    def what(self) -> str:
        """As the documents say it."""
        written = "" if self.encoder == "as it is" else f", as {self.encoder} writes it"
        return f"At most {self.size:,} bytes{written}; a larger event sheds facets in the order below."


class Limit:
    """The largest size of an event for one destination, None for any."""

    def __init__(self, size: int | None, encoder: Encoder) -> None:
        self.size = size
        self._encoder = encoder

    def written(self, body: bytes) -> int:
        """Bytes of some JSON as it goes out."""
        return len(body) if self._encoder == "as it is" else len(json.dumps(_value(body)))

    def exceeded(self, body: bytes) -> bool:
        """Whether an event is too large. Most are so small that they need not be written to see it."""
        if self.size is None or len(body) * MOST_WIDENED <= self.size:
            return False
        return self.written(body) > self.size


@lru_cache(64)
def _judge(path: str, limit: int | None, needed: bool) -> Callable[[bytes], bool]:
    """Whether a facet is unfit for what it has at a path."""
    steps = path.split(".")

    def fault(leaf: Any) -> bool:
        if isinstance(leaf, str):
            return (limit is not None and len(leaf) > limit) or (needed and not leaf.strip())
        return needed and leaf is None

    @remembering
    def unfit(facet: bytes) -> bool:
        found = _value(facet)
        return isinstance(found, dict) and any(fault(leaf) for leaf in _leaves(found, steps))

    return unfit


def _leaves(node: Any, steps: list[str]) -> Iterator[Any]:
    """What is at a path; None where its last part is missing.

    >>> list(_leaves({"fields": [{"name": "a"}, {}]}, ["fields[]", "name"])), list(_leaves({}, ["fields[]", "name"]))
    (['a', None], [])
    """
    if not steps or not isinstance(node, dict):
        yield None if steps else node
        return
    for name in steps[0].rstrip("[]{}").split("|"):
        for one in _inner(node.get(name), steps[0][-2:]):
            yield from _leaves(one, steps[1:])


def _inner(found: Any, kind: str) -> list[Any]:
    if kind == "[]":
        return found if isinstance(found, list) else []
    if kind == "{}":
        return list(found.values()) if isinstance(found, dict) else []
    return [found]
