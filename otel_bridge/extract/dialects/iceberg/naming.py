"""Identity of Iceberg tables: the location, as OpenLineage's Spark integration has it; the catalog's name is a symlink."""

import re
from typing import Final

from otel_bridge.extract.data_sources import Name
from otel_bridge.extract.dialects.iceberg.facts import Told
from otel_bridge.extract.locations import location_named

S3_TABLES: Final = "arn:aws:s3tables:"
GLUE: Final = "arn:aws:glue:"
LOCATION: Final = "LOCATION"
TABLE: Final = "TABLE"


def identity(told: Told) -> tuple[Name, tuple[tuple[Name, str], ...]] | None:
    """The table's name, and its other names with their types; None if the span tells no place and no catalog."""
    place = location_named(told.table_location) if told.table_location else None
    listed = in_catalog(told, table_name(told, told.table_name))
    if told.catalog_warehouse.startswith(S3_TABLES) and told.table_name:
        name = Name(told.catalog_warehouse, ".".join(filter(None, (told.catalog_name, told.table_name))))
        return name, ((Name(place.namespace, "/"), LOCATION),) if place else ()
    if place is not None:
        return place, ((listed, TABLE),) if listed else ()
    return (listed, ()) if listed else None


def in_catalog(told: Told, table: str) -> Name | None:
    """The table as its catalog knows it.

    >>> in_catalog(Told(operation="scan", catalog_type="rest", catalog_uri="http://catalog:8181"), "shop.orders")
    Name(namespace='http://catalog:8181', name='shop.orders')
    """
    uri = without_secrets(told.catalog_uri).rstrip("/")
    if not table:
        return None
    if told.catalog_type == "glue":
        return Name(uri, "table/" + table.replace(".", "/")) if uri.startswith(GLUE) else None
    if told.catalog_type == "hive" and uri:
        return Name("hive://" + uri.partition(",")[0].partition("://")[2], table)
    warehouse = without_secrets(told.catalog_warehouse).rstrip("/")
    is_place = "://" in warehouse or warehouse.startswith("/")
    namespace = uri if told.catalog_type in {"rest", "nessie"} or not is_place else warehouse
    return Name(namespace, table) if namespace else None


def table_name(told: Told, name: str) -> str:
    """The identifier without the catalog's name, which Java's tables have before it.

    >>> table_name(Told(operation="scan", catalog_name="lake"), "lake.shop.orders")
    'shop.orders'
    """
    first, _, rest = name.partition(".")
    return rest if first == told.catalog_name and "." in rest else name


def without_secrets(address: str) -> str:
    """A URI without user, password and what follows its path; Azure's containers stay.

    >>> without_secrets("https://ada:secret@catalog:8181/v1?token=x"), without_secrets("abfss://lake@acme.dfs.core.windows.net/w")
    ('https://catalog:8181/v1', 'abfss://lake@acme.dfs.core.windows.net/w')
    """
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.lower().startswith(("abfs", "wasb")):
        return address
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2] if authority else ""
    return f"{scheme}://{host}{slash}{_END.split(path, maxsplit=1)[0]}"


_END: Final = re.compile(r"[?#;]")
