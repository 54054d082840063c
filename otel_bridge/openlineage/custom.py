"""Facets of the user's own, compiled from the configuration.

Fields come from span attributes (runs, jobs) or keys of dataset maps; a JSON Schema, given or derived, is
served by the API and checked with every event. With a class of openlineage-python the class makes the facet.
"""

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import msgspec

from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import SLOT_NAMES
from otel_bridge.openlineage.documents import VERSION, checker, complaints, facet_document
from otel_bridge.openlineage.facets import BY_KEY
from otel_bridge.openlineage.fragments import PRODUCER, SCHEMA_URL, Fragments
from otel_bridge.openlineage.shapes import is_uri
from otel_bridge.settings import CustomFacet, Slot

ENTITIES: Final[dict[Slot, str]] = {
    "run": "Run",
    "job": "Job",
    "dataset": "Dataset",
    "input": "InputDataset",
    "output": "OutputDataset",
}
KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

Maker = Callable[[dict[str, Value]], dict[str, Any]]


class Custom(msgspec.Struct, frozen=True):
    """One compiled facet. `document` is None if its class brings a schema of its own."""

    key: str
    slot: Slot
    fields: Mapping[str, str]
    required: tuple[str, ...]
    name: str
    schema_url: str
    document: dict[str, Any] | None
    validator: jsonschema_rs.Validator | None
    make: Maker | None

    def built(self, fragments: Fragments, source: Mapping[str, Value]) -> msgspec.Raw | None:
        """From attributes or keys of a dataset; None if there are none, or a required one is missing."""
        found = {
            name: source[origin] for name, origin in self.fields.items() if source.get(origin) is not None
        }
        if not found or any(name not in found for name in self.required):
            return None
        return self.checked(fragments, found if self.make is None else self.make(found))

    def checked(self, fragments: Fragments, fields: Value) -> msgspec.Raw:
        """The facet's fields as a fragment, if they fit the schema."""
        if not isinstance(fields, Mapping):
            raise LeftOut("a facet must be a map")
        raw = fragments.described(fields, self.schema_url)
        if self.validator is not None:
            found = next(iter(complaints(self.validator, {self.key: msgspec.json.decode(raw)})), None)
            if found is not None:
                raise LeftOut(f"does not fit the schema of {self.key}: {found}")
        return msgspec.Raw(raw)


def compile_facets(configured: tuple[CustomFacet, ...], base_url: str) -> tuple[Custom, ...]:
    """All of them, or ValueError with one line for each problem."""
    compiled, problems = _compiled(configured, base_url)
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(compiled)


def problems_of(configured: tuple[CustomFacet, ...], base_url: str) -> list[str]:
    """What is wrong with the configured facets, one line each."""
    return _compiled(configured, base_url)[1]


def _compiled(configured: tuple[CustomFacet, ...], base_url: str) -> tuple[list[Custom], list[str]]:
    compiled: list[Custom] = []
    problems: list[str] = []
    for (slot, key), count in Counter((f.slot, f.name) for f in configured).items():
        if count > 1:
            problems.append(f"{key}: configured {count} times for {SLOT_NAMES[slot]}; keep one")
    for facet in configured:
        try:
            compiled.append(_compile(facet, base_url))
        except ValueError as error:
            problems.append(f"{facet.name}: {error}")
    return compiled, problems


def _compile(facet: CustomFacet, base_url: str) -> Custom:
    _check_names(facet)
    name = class_name(facet.name, facet.slot)
    cls = None if facet.python_class is None else _load_class(facet)
    document = None
    if facet.schema is not None or cls is None:
        document = _document(facet, f"{base_url}/facets/{VERSION}/{name}.json", name)
    schema_url = (
        cls._get_schema() if cls is not None and document is None else _definition(document or {}, facet)
    )
    return Custom(
        key=facet.name,
        slot=facet.slot,
        fields=facet.fields,
        required=facet.required,
        name=name,
        schema_url=schema_url,
        document=document,
        validator=None if document is None else checker(document),
        make=None if cls is None else _maker(cls),
    )


def class_name(key: str, slot: Slot) -> str:
    """The facet's name by OpenLineage's rule.

    >>> class_name("acme_cost", "run")
    'AcmeCostRunFacet'
    """
    return "".join(part[:1].upper() + part[1:] for part in key.split("_")) + f"{ENTITIES[slot]}Facet"


def _check_names(facet: CustomFacet) -> None:
    if not KEY.fullmatch(facet.name):
        raise ValueError("the name must be letters, digits and _, beginning with a letter, such as acme_cost")
    if (facet.slot, facet.name) in BY_KEY:
        raise ValueError("the bridge has this facet already; put a prefix of yours before the name")
    if not facet.fields:
        raise ValueError("needs `fields`: the facet's fields and where each is taken from")
    if unknown := set(facet.required) - set(facet.fields):
        raise ValueError(f"`required` names what is not in `fields`: {', '.join(sorted(unknown))}")


def _document(facet: CustomFacet, url: str, name: str) -> dict[str, Any]:
    """The schema as a document of its own, under its own `$id` if it has one."""
    schema = _schema(facet)
    own = schema.get("$id")
    if own is not None and not (isinstance(own, str) and is_uri(own)):
        raise ValueError(f"`$id` of the schema must be an absolute URI, not {own!r}")
    if _reference(schema, facet.name):
        return {**schema, "$id": own or url}
    plain = {key: value for key, value in schema.items() if key not in {"$id", "$schema"}}
    if False in (plain.get("additionalProperties"), plain.get("unevaluatedProperties")):
        plain["properties"] = {PRODUCER: True, SCHEMA_URL: True, **plain.get("properties", {})}
    if b'"#' in msgspec.json.encode(plain):
        plain = {"$id": (own or url).removesuffix(".json") + ".fields.json", **plain}
    return facet_document(own or url, facet.name, name, facet.slot, plain)


def _schema(facet: CustomFacet) -> dict[str, Any]:
    """As given, read from its file, or derived from the fields."""
    schema = facet.schema
    if schema is None:
        properties: dict[str, Any] = {name: {} for name in facet.fields}
        return {"type": "object", "properties": properties, "required": list(facet.required)}
    if isinstance(schema, str):
        try:
            schema = msgspec.json.decode(Path(schema).read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise ValueError(f"the schema can't be read: {error}") from None
    if not isinstance(schema, Mapping):
        raise ValueError("the schema must be a JSON object")
    return msgspec.to_builtins(dict(schema))  # type: ignore[no-any-return]


def _reference(schema: Mapping[str, Any], key: str) -> str | None:
    """The `$ref` under the facet's key, if the schema is a document as OpenLineage writes them."""
    properties = schema.get("properties")
    entry = properties.get(key) if isinstance(properties, Mapping) else None
    found = entry.get("$ref") if isinstance(entry, Mapping) else None
    return found if isinstance(found, str) and found.startswith("#/$defs/") else None


def _definition(document: Mapping[str, Any], facet: CustomFacet) -> str:
    return f"{document['$id']}{_reference(document, facet.name)}"


def _load_class(facet: CustomFacet) -> Any:
    """The class, derived from the base of its slot, with a parameter for each field."""
    from openlineage.client.generated import base

    module, _, attribute = (facet.python_class or "").partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"can't import {facet.python_class}: {error}; write package.module:Class") from None
    expected = getattr(base, f"{ENTITIES[facet.slot]}Facet")
    if not (isinstance(cls, type) and issubclass(cls, expected)):
        raise ValueError(f"{facet.python_class} must derive from openlineage's {expected.__name__}")
    if unknown := set(facet.fields) - set(inspect.signature(cls).parameters):
        raise ValueError(f"{facet.python_class} takes no {', '.join(sorted(unknown))}")
    return cls


def _maker(cls: Any) -> Maker:
    from openlineage.client.serde import Serde

    def make(fields: dict[str, Value]) -> dict[str, Any]:
        try:
            found = Serde.to_dict(cls(**fields))
        except Exception as error:  # noqa: BLE001 - the user's code decides what it raises
            raise LeftOut(f"{cls.__name__} refused its fields: {error}") from None
        return {key: value for key, value in found.items() if key not in {PRODUCER, SCHEMA_URL}}

    return make
