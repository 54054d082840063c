"""Which dataset a relation is: the connection's rule, the user's override, or for want of both the job's namespace."""

from typing import Final

from otel_bridge.extract.data_sources import (
    Name,
    Parts,
    dialect_of,
    named,
    namespace_of,
    symlinks_of,
)
from otel_bridge.extract.dialects.dbt.facts import Invocation, Relation
from otel_bridge.extract.locations import file_named
from otel_bridge.settings import Dbt

UNKNOWN: Final = (
    "nothing tells which warehouse this is, so its datasets are named after the job's namespace and join with nobody "
    "else's; set dbt.namespaces"
)


class Naming:
    """Names of the datasets of one invocation. `job_namespace` stands in where the warehouse is not known."""

    def __init__(self, invocation: Invocation, dbt: Dbt, job_namespace: str) -> None:
        self.connection = invocation.connection
        self._override = override(invocation, dbt)
        found = self._override or namespace_of(self.connection)
        self.known = found is not None
        self.namespace: str = found or f"dbt://{job_namespace}"

    @property
    def dialect(self) -> str:
        """Of the warehouse's SQL, "" if it is not known."""
        return dialect_of(self.connection.type)

    def named(self, relation: Relation) -> Name | None:
        """The dataset of the relation; None if too little of its name is known."""
        if relation.path and (found := file_named(relation.path)):
            return found
        return self._table(relation)

    def symlinks(self, relation: Relation) -> list[Name]:
        """Its other identities: of a file the table that stands for it."""
        if relation.path and file_named(relation.path):
            table = self._table(relation)
            return [table] if table else []
        return list(symlinks_of(self.connection, _parts(relation)))

    def _table(self, relation: Relation) -> Name | None:
        override = self._override or ("" if self.known else self.namespace)
        return named(self.connection, _parts(relation), override or None)


def override(invocation: Invocation, dbt: Dbt) -> str | None:
    """The namespace that the configuration gives: for project and target, the project, or the adapter."""
    if not dbt.namespaces:
        return None
    project, target = invocation.project, invocation.target
    keys = (f"{project}.{target}" if project and target else "", project, invocation.connection.type)
    return next((dbt.namespaces[key] for key in keys if key and key in dbt.namespaces), None)


def _parts(relation: Relation) -> Parts:
    quoted = relation.quoted
    marks = (quoted.database, quoted.schema, quoted.identifier) if quoted else None
    return Parts(relation.database, relation.schema, relation.identifier, marks)
