"""JSON Schema documents of facets that are not OpenLineage's: written as OpenLineage writes its own.

A document has the facet's definition under `$defs` and, at its root, the key that the facet stands under.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from otel_bridge.openlineage.core import BASE_FACETS, SPEC
from otel_bridge.openlineage.shapes import Shape
from otel_bridge.settings import Slot

DRAFT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1-0-0"

_BASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "_producer": {"type": "string", "format": "uri"},
        "_schemaURL": {"type": "string", "format": "uri"},
        "_deleted": {"type": "boolean"},
    },
    "required": ["_producer", "_schemaURL"],
}


def facet_document(url: str, key: str, name: str, slot: Slot, facet: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a facet whose own fields `facet` describes."""
    definition = {"type": "object", "allOf": [{"$ref": BASE_FACETS[slot]}, facet]}
    return {
        "$schema": DRAFT,
        "$id": url,
        "$defs": {name: definition},
        "type": "object",
        "properties": {key: {"$ref": f"#/$defs/{name}"}},
    }


def fields_of(shape: type[Shape], description: str) -> dict[str, Any]:
    """What a shape says about a facet's own fields, as JSON Schema: types, and descriptions from their metadata."""
    found = msgspec.json.schema(shape)
    definitions = found["$defs"]
    inlined: dict[str, Any] = _inlined(definitions[shape.__name__], definitions)
    inlined["properties"].pop("_deleted", None)
    return {**inlined, "description": description}


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with its parts in place of references to them, without what only Python needs."""
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if (reference := value.get("$ref")) is not None:
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    kept = {
        k: v
        for k, v in value.items()
        if k != "title" and not (k in ("required", "default") and v in ([], None))
    }
    return {k: _inlined(v, definitions) for k, v in kept.items()}


def checker(document: Mapping[str, Any]) -> jsonschema_rs.Validator:
    """A validator of objects that have the facet under its key.

    Raises:
        ValueError: for a document that is no JSON Schema, or refers to something that is not in it.
    """
    try:
        return jsonschema_rs.validator_for(dict(document), validate_formats=True, retriever=_core)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def complaints(validator: jsonschema_rs.Validator, value: Any) -> Iterable[str]:
    """What is wrong with the value, with the path to it."""
    for error in validator.iter_errors(value):
        path = ".".join(str(step) for step in error.instance_path)
        yield f"{path}: {error.message}" if path else error.message


def _core(url: str) -> dict[str, Any]:
    """What facets need of OpenLineage's core schema, so that checking them asks nobody."""
    if not url.startswith(SPEC) or not url.endswith("/OpenLineage.json"):
        raise ValueError(f"{url} is not at hand; put what you need of it under $defs")
    names = ("BaseFacet", *(base.rpartition("/")[2] for base in BASE_FACETS.values()))
    return {"$schema": DRAFT, "$id": url, "$defs": dict.fromkeys(names, _BASE)}
