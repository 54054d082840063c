"""What a statement says about tables and columns. Pure; sqlglot is imported by what analyses, not by the values."""

from otel_bridge.sql.values import (
    Analysis,
    Column,
    Statement,
    Table,
    TableColumns,
    TableName,
    Use,
    Written,
)

__all__ = ["Analysis", "Column", "Statement", "Table", "TableColumns", "TableName", "Use", "Written"]
