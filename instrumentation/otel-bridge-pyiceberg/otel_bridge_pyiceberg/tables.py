"""What there is to say of a table and its catalog, read from pyiceberg's objects; tables once seen are remembered.

Scans do not know their table's name (before pyiceberg 0.11, and in polars never), and a table that is dropped is not
loaded for it: both find it here, by its uuid or by its name.
"""

import json
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from otel_lineage.trouble import guarded

from otel_bridge_pyiceberg import attributes as at
from otel_bridge_pyiceberg.redaction import location

Attributes = dict[str, Any]

CATALOG_TYPES = {
    "InMemoryCatalog": "in-memory",
    "SqlCatalog": "sql",
    "RestCatalog": "rest",
    "HiveCatalog": "hive",
    "GlueCatalog": "glue",
    "DynamoDbCatalog": "dynamodb",
    "BigQueryMetastoreCatalog": "bigquery",
}
NO_CATALOG = "NoopCatalog"
FILE_FORMAT = "write.format.default"
REMEMBERED = 2000
MAX_DEPTH = 32

_catalogs: "weakref.WeakKeyDictionary[Any, Attributes]" = weakref.WeakKeyDictionary()
_by_uuid: "OrderedDict[str, Attributes]" = OrderedDict()
_by_name: "OrderedDict[tuple[Any, ...], Attributes]" = OrderedDict()
_schemas: "OrderedDict[tuple[str, int], str]" = OrderedDict()


def written(identifier: object) -> str:
    """An identifier as text.

    >>> written(("shop", "orders")), written("shop.orders")
    ('shop.orders', 'shop.orders')
    """
    return identifier if isinstance(identifier, str) else ".".join(map(str, identifier))  # type: ignore[call-overload]


def of_catalog(catalog: Any) -> Attributes:
    """Name, type, address and warehouse; nothing for tables that were loaded without a catalog."""
    known = _catalogs.get(catalog)
    if known is None:
        known = _catalogs[catalog] = _catalog(catalog)
    return known


def _catalog(catalog: Any) -> Attributes:
    names = [base.__name__ for base in type(catalog).__mro__]
    if NO_CATALOG in names:
        return {}
    properties: Mapping[str, str] = catalog.properties
    found = next((CATALOG_TYPES[name] for name in names if name in CATALOG_TYPES), None)
    return _present(
        {
            at.CATALOG_NAME: catalog.name,
            at.CATALOG_TYPE: found or properties.get("type") or names[0],
            at.CATALOG_URI: location(properties.get("uri"))
            or (_glue(properties) if found == "glue" else None),
            at.CATALOG_WAREHOUSE: location(properties.get("warehouse")),
        }
    )


def _glue(properties: Mapping[str, str]) -> str | None:
    """Glue's catalog as AWS names it, where the account is known."""
    account = properties.get("glue.id")
    region = properties.get("glue.region") or properties.get("client.region")
    return f"arn:aws:glue:{region}:{account}" if account and region else None


@guarded("remembering an Iceberg table", fallback=None)
def remember(table: Any) -> None:
    """Note the name and the catalog of a table that the program has."""
    catalog = of_catalog(table.catalog)
    if not catalog:
        return
    metadata, name = table.metadata, written(table.name())
    told = {at.TABLE_NAME: name, **catalog}
    _put(_by_uuid, str(metadata.table_uuid), told)
    place = {
        at.TABLE_LOCATION: location(metadata.location.rstrip("/")),
        at.TABLE_UUID: str(metadata.table_uuid),
    }
    _put(_by_name, _key(catalog, name), _present(place))


def named(catalog: Any, identifier: object) -> Attributes:
    """A table of a catalog by its name, and what is remembered of it."""
    told, name = of_catalog(catalog), written(identifier)
    return {at.TABLE_NAME: name, **told, **_by_name.get(_key(told, name), {})}


def forget(catalog: Any, identifier: object) -> None:
    """The name stands for no table, or another one, from now on."""
    _by_name.pop(_key(of_catalog(catalog), written(identifier)), None)


def of_table(table: Any, metadata: Any = None) -> Attributes:
    """All of a table: identity, catalog, schema, partition spec."""
    catalog = of_catalog(table.catalog)
    name = {at.TABLE_NAME: written(table.name())} if catalog else {}
    found = _by_uuid.get(str(table.metadata.table_uuid), {}) if not catalog else {}
    place = _present({at.TABLE_METADATA_LOCATION: location(table.metadata_location)})
    return {**found, **name, **catalog, **place, **of_metadata(metadata or table.metadata)}


def of_uuid(uuid: object) -> Attributes:
    """Name and catalog of a table that was seen before."""
    return _by_uuid.get(str(uuid), {})


def of_metadata(metadata: Any, schema: Any = None) -> Attributes:
    """What a table's metadata says of it, with the given schema instead of the current one."""
    schema = schema or metadata.schema()
    properties = metadata.properties
    told = {
        at.TABLE_LOCATION: location(metadata.location.rstrip("/")),
        at.TABLE_UUID: str(metadata.table_uuid),
        at.TABLE_FORMAT_VERSION: metadata.format_version,
        at.TABLE_FILE_FORMAT: properties.get(FILE_FORMAT, "parquet").lower(),
        at.SCHEMA_ID: schema.schema_id,
        at.SCHEMA: _schema(str(metadata.table_uuid), schema),
        at.PARTITION_SPEC: _spec(metadata.spec()),
    }
    return _present(told)


def _schema(uuid: str, schema: Any) -> str:
    """As JSON, made once for each schema."""
    key = (uuid, schema.schema_id)
    known = _schemas.get(key)
    if known is None:
        fields = [_field(field, MAX_DEPTH) for field in schema.fields]
        known = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        _put(_schemas, key, known)
    return known


def _field(field: Any, depth: int) -> Attributes:
    nested = _nested(field.field_type) if depth else ()
    kind = type(field.field_type).__name__.removesuffix("Type").lower() if nested else str(field.field_type)
    told = {"id": field.field_id, "name": field.name, "type": kind}
    if field.required:
        told["required"] = True
    if field.doc:
        told["doc"] = field.doc
    if nested:
        told["fields"] = [_field(part, depth - 1) for part in nested]
    return told


def _nested(kind: Any) -> Sequence[Any]:
    """The fields of a struct, the element of a list, key and value of a map."""
    if hasattr(kind, "element_field"):
        return (kind.element_field,)
    if hasattr(kind, "key_field"):
        return (kind.key_field, kind.value_field)
    return tuple(getattr(kind, "fields", ()))


def _spec(spec: Any) -> Attributes | None:
    if not spec.fields:
        return None
    fields = [
        {
            "field_id": field.field_id,
            "source_id": field.source_id,
            "name": field.name,
            "transform": str(field.transform),
        }
        for field in spec.fields
    ]
    return {"spec_id": spec.spec_id, "fields": fields}


def _key(catalog: Attributes, name: str) -> tuple[Any, ...]:
    return (catalog.get(at.CATALOG_NAME), catalog.get(at.CATALOG_URI), name)


def _put(store: "OrderedDict[Any, Any]", key: Any, value: Any) -> None:
    store[key] = value
    store.move_to_end(key)
    if len(store) > REMEMBERED:
        store.popitem(last=False)


def _present(values: Attributes) -> Attributes:
    return {key: value for key, value in values.items() if value is not None}
