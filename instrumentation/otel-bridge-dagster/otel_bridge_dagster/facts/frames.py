"""Columns and rows of a value that an IO manager stored, where both are at hand without any work."""

from typing import Any

from .reading import compact


def shape(value: Any) -> dict[str, Any]:
    """`{schema, row_count}` of a pandas or polars data frame or an Arrow table; nothing of other values."""
    kind = (type(value).__module__.partition(".")[0], type(value).__name__)
    if kind == ("pandas", "DataFrame"):
        columns = [(name, dtype) for name, dtype in value.dtypes.items() if isinstance(name, str)]
        return _shape(columns, len(value))
    if kind == ("polars", "DataFrame"):
        return _shape(list(value.schema.items()), value.height)
    if kind == ("pyarrow", "Table"):
        return _shape([(field.name, field.type) for field in value.schema], value.num_rows)
    return {}


def _shape(columns: list[tuple[Any, Any]], rows: int) -> dict[str, Any]:
    shown = ((str(name), str(dtype)) for name, dtype in columns)
    schema = [compact({"name": name, "type": None if dtype == "object" else dtype}) for name, dtype in shown]
    return {"schema": schema, "row_count": int(rows)}
