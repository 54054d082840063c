"""What can be configured: an annotated example, and a JSON Schema, both from the settings themselves."""

import dataclasses
import textwrap
from typing import Any

import yaml
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from otel_bridge.deliver import KINDS
from otel_bridge.settings import (
    Consumer,
    Door,
    Duration,
    GrpcDoor,
    HttpDoor,
    KafkaConnection,
    KafkaSource,
    Settings,
    Size,
)

BASES: dict[str, type] = {
    GrpcDoor.__name__: Door,
    HttpDoor.__name__: Door,
    KafkaSource.__name__: KafkaConnection,
}
"""Whose fields' docstrings a class inherits."""

HEAD = """\
# Every setting with its default. Any of them can also be given as an environment variable, such as
# OTEL_BRIDGE_RECEIVE__GRPC__ENDPOINT=127.0.0.1:4317, or as a flag: --set receive.grpc.endpoint=127.0.0.1:4317
"""


def example() -> str:
    """A complete configuration with the defaults, each key explained, and one destination of each kind."""
    body = _mapping(Settings(data_dir="./data"), skip={"destinations"})
    kinds = "\n".join(_destination(name) for name in KINDS)
    return f"{HEAD}\n{body}\n# {_docs(Settings)['destinations']}\ndestinations:\n{kinds}"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration file, for editors."""
    schema = _schema(Settings)
    kinds = [_kind_schema(name, schema["$defs"]) for name in KINDS]
    destinations = schema["properties"]["destinations"]
    destinations |= {"type": "array", "items": {"oneOf": kinds}}
    destinations.pop("default")
    schema["required"] = []
    schema["$defs"].pop("Destination", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


class _Generator(GenerateJsonSchema):
    """Defaults as one writes them in the file."""

    def encode_default(self, dft: Any) -> Any:
        """`127.0.0.1:4317`, not its parts; `10s`, not 10.0."""
        return _plain(dft)


def _schema(cls: type, template: str = "#/$defs/{model}") -> dict[str, Any]:
    """With what pydantic does not see: docstrings of inherited fields."""
    schema = TypeAdapter(cls).json_schema(ref_template=template, schema_generator=_Generator)
    for name, definition in schema.get("$defs", {}).items():
        for key, doc in _docs(BASES[name]).items() if name in BASES else ():
            definition["properties"][key].setdefault("description", doc)
    return schema


def _kind_schema(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one kind; what it defines goes to the common definitions, under names of its own."""
    schema = _schema(KINDS[name].options, f"#/$defs/{name}.{{model}}")
    for key, doc in _docs(KINDS[name].options).items():
        schema["properties"][key].setdefault("description", doc)
    definitions |= {f"{name}.{key}": value for key, value in schema.pop("$defs", {}).items()}
    shared = _schema(Consumer)["properties"]
    own = {
        "name": {"type": "string", "description": "Name of the destination; by default its type."},
        "type": {"const": name, "description": "Kind of the destination."},
    }
    return schema | {
        "properties": own | shared | schema.get("properties", {}),
        "required": [*([] if name == "http" else ["type"]), *schema.get("required", [])],
    }


def _destination(name: str) -> str:
    return textwrap.indent(KINDS[name].example.strip(), "  ") + "\n"


def _docs(cls: type) -> dict[str, str]:
    """What the docstrings of a dataclass and its bases say about each field; else of the field's own class."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            schema = TypeAdapter(base).json_schema()
            fields = schema.get("properties", {})
            found |= {name: doc for name, field in fields.items() if (doc := _doc(field, schema))}
    return found


def _doc(field: dict[str, Any], schema: dict[str, Any]) -> str:
    definition = schema.get("$defs", {}).get(field.get("$ref", "").rpartition("/")[2], {})
    return str(field.get("description") or definition.get("description") or "")


def _mapping(value: Any, indent: int = 0, skip: frozenset[str] | set[str] = frozenset()) -> str:
    docs = _docs(type(value))
    out = []
    for field in dataclasses.fields(value):
        if field.name in skip:
            continue
        out += _entry(field.name, getattr(value, field.name), docs.get(field.name, ""), indent)
    return "".join(out)


def _entry(name: str, value: Any, doc: str, indent: int) -> list[str]:
    pad = " " * indent
    lines = [f"{pad}# {line}\n" for line in textwrap.wrap(doc, 100)]
    if dataclasses.is_dataclass(value) and hasattr(value, "__pydantic_config__"):
        return [*lines, f"{pad}{name}:\n", _mapping(value, indent + 2)]
    return [*lines, textwrap.indent(yaml.safe_dump({name: _plain(value)}, sort_keys=False, width=1000), pad)]


def _measured(value: Duration | Size) -> str:
    """With the largest unit of which it is a whole number: `10s`, `64MiB`."""
    scales = sorted(type(value).UNITS.items(), key=lambda unit: -unit[1])
    unit, scale = next((u, s) for u, s in scales if value % s == 0 or s == scales[-1][1])
    return f"{value / scale:g}{unit}"


def _plain(value: Any) -> Any:
    """A value as YAML can hold it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Duration | Size):
        return _measured(value)
    if isinstance(value, int | float):
        return int(value) if value == int(value) else float(value)
    return str(value)
