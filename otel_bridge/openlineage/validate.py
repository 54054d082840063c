"""A strict validator of events against OpenLineage's official schemas, for tests of ours and of users.

Beyond JSON Schema with format checks it finds facets in the wrong slot, facets without a known schema, and
what the bridge promises on top: `facets`, `inputs`, `outputs` and `eventType` are always there. The schemas
are not part of the bridge: they are found in the folder that OPENLINEAGE_SPEC_DIR names, or else in
`../shared/openlineage-spec` beside the checkout.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import jsonschema_rs
import msgspec

from otel_bridge.model import BridgeError
from otel_bridge.openlineage.core import BASE_FACETS, CORE, SLOT_NAMES, SPEC
from otel_bridge.openlineage.documents import complaints
from otel_bridge.openlineage.facets import OWN
from otel_bridge.settings import Slot

Json = dict[str, Any]

VARIABLE: Final = "OPENLINEAGE_SPEC_DIR"
_BESIDE: Final = Path(__file__).parents[3] / "shared" / "openlineage-spec"
_SLOT_OF_BASE: Final[dict[str, Slot]] = {url.rpartition("/")[2]: slot for slot, url in BASE_FACETS.items()}
_SLOTS_OF_ROLE: Final[dict[str, tuple[Slot, ...]]] = {
    "inputs": ("dataset", "input"),
    "outputs": ("dataset", "output"),
    "dataset": ("dataset",),
}


class SpecMissing(BridgeError):
    """The official schemas are not on this machine."""


class NotOpenLineage(AssertionError):
    """An event does not conform; the message lists everything that is wrong with it."""


class Validator:
    """Checks events against schemas: core, facets, and further documents such as `facet_schemas(settings)`.

    Facets whose `_schemaURL` points elsewhere are only checked to be facets; `known_only` refuses them.
    `definitions` has slot and key of every facet that a schema is known of, with its URL.
    """

    def __init__(self, core: Json, facets: Iterable[Json], known_only: bool = False) -> None:
        documents = [core, *facets]
        resources = [(str(document["$id"]), document) for document in documents]
        self._registry = jsonschema_rs.Registry([*resources, *_aliases(core, documents)])
        self._events = {
            name: self._compiled({"$ref": f"{core['$id']}#/$defs/{name}"})
            for name in ("RunEvent", "JobEvent", "DatasetEvent")
        }
        self._bases = {
            slot: self._compiled({"$ref": f"{core['$id']}#/$defs/{base}"})
            for base, slot in _SLOT_OF_BASE.items()
        }
        self.definitions = {place: url for document in documents[1:] for place, url in _places(document)}
        self._facets = {place: self._compiled({"$ref": url}) for place, url in self.definitions.items()}
        self._slots: dict[str, set[Slot]] = {}
        for slot, key in self._facets:
            self._slots.setdefault(key, set()).add(slot)
        self._known_only = known_only

    @classmethod
    def official(cls, extra: Iterable[Json] = (), known_only: bool = False) -> Self:
        """With the official schemas, the bridge's own facets, and `extra` documents.

        Raises:
            SpecMissing: if the schemas can't be found.
        """
        folder = Path(os.environ.get(VARIABLE) or _BESIDE)
        if not (folder / "OpenLineage.json").is_file():
            raise SpecMissing(f"no OpenLineage schemas in {folder}; set {VARIABLE} to a folder that has them")
        core = _read(folder / "OpenLineage.json")
        ours = [schema(f"urn:otel-bridge:{name}") for name, schema in OWN.items()]
        found = [
            _read(path) for part in ("facets", "registry") for path in sorted((folder / part).glob("*.json"))
        ]
        return cls(core, [*found, *ours, *extra], known_only)

    def check(self, event: bytes | str | Json) -> None:
        """Raise NotOpenLineage with every problem, if there are any."""
        if found := self.problems(event):
            raise NotOpenLineage("\n".join(found))

    def problems(self, event: bytes | str | Json) -> list[str]:
        """What is wrong with the event, one line each, with its path; empty if nothing is."""
        found = event if isinstance(event, dict) else msgspec.json.decode(event)
        if not isinstance(found, dict):
            return ["an event is a JSON object"]
        return list(self._problems(found))

    def _problems(self, event: Json) -> Iterator[str]:
        kind = "RunEvent" if "run" in event else "DatasetEvent" if "dataset" in event else "JobEvent"
        if event.get("schemaURL") != f"{CORE}#/$defs/{kind}":
            yield f"schemaURL: not that of a {kind}"
        if (wrong := list(complaints(self._events[kind], event))) or kind == "DatasetEvent":
            yield from wrong
        else:
            yield from (f"{name}: missing" for name in ("inputs", "outputs") if name not in event)
        if kind == "RunEvent":
            yield from () if "eventType" in event else ("eventType: missing",)
            yield from self._holder(event["run"], "run", {"facets": "run"})
        if isinstance(event.get("job"), dict):
            yield from self._holder(event["job"], "job", {"facets": "job"})
        for role, slots in _SLOTS_OF_ROLE.items():
            datasets = event.get(role, [])
            for index, dataset in enumerate([datasets] if isinstance(datasets, dict) else datasets):
                names = {SLOT_NAMES[slot]: slot for slot in slots}
                yield from self._holder(dataset, role if role == "dataset" else f"{role}[{index}]", names)

    def _holder(self, holder: Json, path: str, slots: Mapping[str, Slot]) -> Iterator[str]:
        """A run, a job or a dataset: every slot that it has must be one of `slots`."""
        if not isinstance(holder, dict):
            return
        if "facets" not in holder:
            yield f"{path}.facets: missing"
        for name in ("facets", "inputFacets", "outputFacets"):
            if name in holder and name not in slots:
                yield f"{path}.{name}: not allowed here"
            for key, facet in holder.get(name, {}).items() if name in slots else ():
                yield from (
                    f"{path}.{name}.{key}{problem}" for problem in self._facet(slots[name], key, facet)
                )

    def _facet(self, slot: Slot, key: str, facet: Any) -> Iterator[str]:
        if (validator := self._facets.get((slot, key))) is not None:
            yield from (f".{problem}" for problem in complaints(validator, facet))
            return
        if key in self._slots:
            yield f": belongs under {' or '.join(sorted(SLOT_NAMES[s] for s in self._slots[key]))}"
        if wrong := list(complaints(self._bases[slot], facet)):
            yield from (f".{problem}" for problem in wrong)
        elif (url := facet["_schemaURL"]) != BASE_FACETS[slot] and (self._known_only or url.startswith(SPEC)):
            yield f": no schema is known of it; its _schemaURL is {url}"

    def _compiled(self, schema: Json) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
            validate_formats=True,
            registry=self._registry,
        )


def _places(document: Json) -> Iterator[tuple[tuple[Slot, str], str]]:
    """Where the facets of a document go (by the base that each derives from), and where each is defined."""
    for key, entry in document.get("properties", {}).items():
        for reference in _references(entry):
            definition = document["$defs"][reference.rpartition("/")[2]]
            nested = [r for r in _references(definition) if r.startswith("#")]
            for target in nested or [reference]:
                bases = _references(document["$defs"][target.rpartition("/")[2]])
                slots = [
                    _SLOT_OF_BASE[name] for b in bases if (name := b.rpartition("/")[2]) in _SLOT_OF_BASE
                ]
                yield from (((slot, key), f"{document['$id']}{target}") for slot in slots)


def _references(schema: Json) -> list[str]:
    """`$ref`s of the schema itself and of its alternatives and parts, not of its properties."""
    parts = [schema, *(p for word in ("allOf", "anyOf", "oneOf") for p in schema.get(word, []))]
    return [part["$ref"] for part in parts if "$ref" in part]


def _aliases(core: Json, documents: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """The core schema under every version of it that facets derive from."""
    text = msgspec.json.encode(list(documents)).decode()
    for piece in {
        p.partition("/OpenLineage.json")[0] for p in text.split(f"{SPEC}/")[1:] if "/OpenLineage.json" in p
    }:
        url = f"{SPEC}/{piece}/OpenLineage.json"
        if "/" not in piece and url != core["$id"]:
            yield url, {**core, "$id": url}


def _read(path: Path) -> Json:
    return msgspec.json.decode(path.read_bytes())  # type: ignore[no-any-return]
