"""An analysis told in terms of the run: column lineage of its outputs, tables it does not list, and what is missing.

Where the producer gave column lineage of an output itself, that stands. What can't be led back to a dataset is left
out, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from otel_bridge.model import Dataset, JobDescribed, Run, State, Value
from otel_bridge.sql.questions import Key, Question, Said, has_own_lineage, listed_columns, same_ending
from otel_bridge.sql.values import ADDED, DIRECT, Analysis, TableColumns, TableName, Use

WHOLE: Final = "*"
"""Stands for all columns: key of the uses that affect every row, and of columns whose names are not known."""

COVERAGE: Final = "column_lineage_coverage"
"""Key of the run value that the facet `otel_lineage_coverage` is built from."""

DEFINING: Final = frozenset({"query", "create"})
"""Kinds of statements that say which columns the table has."""

CHANGING: Final = frozenset(
    {"query", "create", "ensure", "insert", "merge", "update", "delete", "load", "copy"}
)
"""Kinds of statements that put data into a table that the run need not have listed."""

SNAPSHOT: Final = "SNAPSHOT"
"""Type of jobs of dbt that add columns of their own to those of their query."""
MODELS: Final = frozenset({"MODEL", SNAPSHOT})
"""Types of jobs of dbt that make a table out of others."""

NO_SQL: Final = "there is no SQL to read it from"
UNKNOWN_TABLE: Final = "it comes from a table whose namespace is not known"
AMBIGUOUS_TABLE: Final = "it comes from a table whose name is that of several datasets"
NO_SUCH_COLUMN: Final = "the output has no column of that name"

CASELESS: Final = "duckdb://"
"""Namespaces whose names are written in lower case, as DuckDB does not tell them apart by it."""
MOST_GAPS: Final = 100
"""Gaps of one run that are told one by one."""

S = TypeVar("S", Run, JobDescribed)


class Gap(msgspec.Struct, frozen=True):
    """A column without lineage, and why. `column` is `*` for all others, "" for a condition on all rows.

    `columns` is how many it stands for; columns that are not known by name count as one.
    """

    column: str
    dataset: str
    reason: str
    columns: int = 1


class Coverage(msgspec.Struct, frozen=True):
    """Of how many columns of outputs it is known what they come from. `found`: datasets that only the SQL names."""

    columns: int = 0
    resolved: int = 0
    gaps: tuple[Gap, ...] = ()
    found: tuple[Key, ...] = ()


def answered(said: S, asked: Question, analysis: Analysis) -> tuple[S, Coverage]:
    """The run with what the analysis tells, and how complete that is."""
    if analysis.failure:
        coverage = _nothing_known(said, analysis.failure)
        return with_coverage(said, coverage), coverage
    names: _Names = _Names(said, asked, analysis)
    outputs = {_key(dataset): dataset for dataset in (*said.outputs, *names.new_outputs)}
    told = [
        _Told(outputs[key], part, by, names, said) for key, part, by in _written(analysis, names, outputs)
    ]
    for one in told:
        outputs[_key(one.dataset)] = one.with_lineage()
    used = _fields_used(told)
    inputs = tuple(_with_fields(d, used.get(_key(d), ())) for d in (*said.inputs, *names.new_inputs))
    gaps = tuple(gap for one in told for gap in one.gaps)
    resolved = sum(len(one.fields) for one in told)
    coverage = Coverage(
        columns=resolved + sum(gap.columns for gap in gaps),
        resolved=resolved,
        gaps=gaps,
        found=tuple(_key(d) for d in (*names.new_inputs, *names.new_outputs)),
    )
    said = replace(said, inputs=inputs, outputs=tuple(outputs.values()))
    return with_coverage(said, coverage), coverage


def unanswerable(said: Said) -> Coverage | None:
    """Coverage of a finished model of dbt without SQL, such as one in Python; None for anything else."""
    values = said.job_values
    a_model = values.get("integration") == "DBT" and values.get("type") in MODELS
    if not a_model or not isinstance(said, Run) or said.state is not State.COMPLETE:
        return None
    return _nothing_known(said, NO_SQL)


def with_coverage(said: S, coverage: Coverage) -> S:
    """A run with its coverage, if there is anything to cover; a job has no place for it."""
    if isinstance(said, JobDescribed) or not (coverage.columns or coverage.gaps or coverage.found):
        return said
    told = replace(coverage, gaps=coverage.gaps[:MOST_GAPS], found=coverage.found[:MOST_GAPS])
    return replace(said, run_values={**said.run_values, COVERAGE: msgspec.to_builtins(told)})


class _Names:
    """What the names in an analysis stand for, tables that the run does not list included."""

    def __init__(self, said: Said, asked: Question, analysis: Analysis) -> None:
        self._asked = asked
        self._listed = {_key(dataset) for dataset in (*said.inputs, *said.outputs)}
        changed = [w.table for w in analysis.writes if w.by in CHANGING]
        self.new_outputs = self._unlisted(changed if asked.adds or not said.outputs else ())
        if asked.adds:
            self._listed = {_key(dataset) for dataset in said.inputs}
        else:
            self._listed |= {_key(dataset) for dataset in self.new_outputs}
        self.new_inputs = self._unlisted(analysis.reads)

    def dataset(self, name: TableName) -> Key | None:
        """The dataset that a table is; None if that can't be told."""
        return self._asked.datasets.get(name) or self._by_namespace(name)

    def why_unknown(self, name: TableName) -> str:
        """Why a table is no dataset that we know."""
        return AMBIGUOUS_TABLE if self._is_ambiguous(name) else UNKNOWN_TABLE

    def _unlisted(self, names: Iterable[TableName]) -> tuple[Dataset, ...]:
        keys = (self.dataset(name) for name in names)
        new = dict.fromkeys(key for key in keys if key is not None and key not in self._listed)
        return tuple(Dataset(*key) for key in new)

    def _by_namespace(self, name: TableName) -> Key | None:
        asked = self._asked
        whole = len(name) == asked.parts and not any("." in part or not part for part in name)
        if not asked.namespace or not whole or self._is_ambiguous(name):
            return None
        written = ".".join(name)
        return asked.namespace, written.lower() if asked.namespace.startswith(CASELESS) else written

    def _is_ambiguous(self, name: TableName) -> bool:
        return any(same_ending(name, other) for other in self._asked.ambiguous)


class _Told:
    """What is told about the columns of one output."""

    def __init__(self, dataset: Dataset, part: TableColumns, by: str, names: _Names, said: Said) -> None:
        self.dataset = dataset
        self.fields: dict[str, list[tuple[Key, Use]]] = {}
        self.whole: list[tuple[Key, Use]] = []
        self.gaps: list[Gap] = []
        self._by = by
        self._columns = [column.name for column in listed_columns(dataset) or ()]
        self._spelled = {name.casefold(): name for name in self._columns}
        self._names = names
        self._own = None if _key(dataset) in {_key(d) for d in said.inputs} else _key(dataset)
        self._open = WHOLE in part.unresolved
        for column, uses in part.columns.items():
            self._take(column, uses)
        for column, reason in part.unresolved.items():
            if reason == ADDED and said.job_values.get("type") == SNAPSHOT:
                self.fields[self._name(column)] = []
            elif column != WHOLE:
                self._gap(self._name(column), reason)
        if self._open:
            self._rest(part.unresolved[WHOLE])
        self._conditions(part.dataset)

    def with_lineage(self) -> Dataset:
        """The output with its columns and, if the statement defines them all, with their names as its schema."""
        whole = _with_fields(self.dataset, self.fields) if self._columns else self.dataset
        values = {**whole.values}
        if self.fields or self.whole:
            columns: dict[str, Value] = {name: _short(uses) for name, uses in self.fields.items()}
            values["columns"] = columns | ({WHOLE: _short(self.whole)} if self.whole else {})
        if self.fields and self._by in DEFINING and not (self._columns or any(g.columns for g in self.gaps)):
            values["schema"] = [{"name": name} for name in self.fields]
        return replace(self.dataset, values=values)

    def used(self) -> Iterator[tuple[Key, str]]:
        """Each column of an input that is told of."""
        for uses in (*self.fields.values(), self.whole):
            yield from ((key, use.column) for key, use in uses)

    def _take(self, column: str, uses: Iterable[Use]) -> None:
        name = self._name(column)
        if self._columns and name not in self._columns and not self.dataset.values.get("schema_partial"):
            self._gap(column, NO_SUCH_COLUMN)
            return
        known, unknown = self._split(uses)
        if unknown:
            self._gap(name, self._names.why_unknown(unknown[0].table))
        else:
            self.fields[name] = known

    def _conditions(self, uses: Iterable[Use]) -> None:
        self.whole, unknown = self._split(uses)
        if unknown:
            self._gap("", f"a condition is left out: {self._names.why_unknown(unknown[0].table)}", 0)

    def _rest(self, reason: str) -> None:
        """Columns whose names the statement does not tell: those of the schema, or one for all of them."""
        self._gap(WHOLE, reason, len(self._unmentioned()) if self._columns else 1)

    def _unmentioned(self) -> list[str]:
        known = self.fields.keys() | {gap.column for gap in self.gaps}
        return [column for column in self._columns if column not in known]

    def _name(self, column: str) -> str:
        """A column as the schema spells it."""
        return column if column in self._columns else self._spelled.get(column.casefold(), column)

    def _split(self, uses: Iterable[Use]) -> tuple[list[tuple[Key, Use]], list[Use]]:
        """Uses of datasets that are known, but for the output itself, and all others."""
        pairs = [(self._names.dataset(use.table), use) for use in uses]
        known = [(key, use) for key, use in pairs if key is not None and key != self._own]
        return known, [use for key, use in pairs if key is None]

    def _gap(self, column: str, reason: str, columns: int = 1) -> None:
        self.fields.pop(column, None)
        self.gaps.append(Gap(column, self.dataset.name, reason, columns))


def _written(
    analysis: Analysis, names: _Names, outputs: Mapping[Key, Dataset]
) -> Iterator[tuple[Key, TableColumns, str]]:
    """Each output that something is said of, unless its producer said it, and by which kind of statement."""
    kinds = {written.table: written.by for written in analysis.writes}
    parts: dict[Key, TableColumns] = {}
    for part in analysis.columns:
        key = names.dataset(part.table)
        if key is not None and key in outputs and not has_own_lineage(outputs[key]):
            parts[key] = _both(parts[key], part) if key in parts else part
    for key, part in parts.items():
        yield key, part, kinds.get(part.table, "")


def _both(one: TableColumns, other: TableColumns) -> TableColumns:
    """Two statements of a script that write the same table."""
    columns = one.columns | {
        name: tuple(dict.fromkeys((*one.columns.get(name, ()), *uses)))
        for name, uses in other.columns.items()
    }
    dataset = tuple(dict.fromkeys((*one.dataset, *other.dataset)))
    return TableColumns(one.table, columns, dataset, one.unresolved | other.unresolved)


def _nothing_known(said: Said, reason: str) -> Coverage:
    """All columns of all outputs are missing for one reason."""
    outputs = [dataset for dataset in said.outputs if not has_own_lineage(dataset)]
    gaps = tuple(Gap(WHOLE, d.name, reason, len(listed_columns(d) or (WHOLE,))) for d in outputs)
    return Coverage(columns=sum(gap.columns for gap in gaps), gaps=gaps)


def _short(uses: Iterable[tuple[Key, Use]]) -> list[Value]:
    """As in the convention: each field once, with all its transformations."""
    fields: dict[tuple[Key, str], list[Value]] = {}
    for key, use in uses:
        said: dict[str, Value] = {
            "type": "DIRECT" if use.subtype in DIRECT else "INDIRECT",
            "subtype": use.subtype,
        }
        transformation = {**said, "masking": True} if use.masking else said
        transformations = fields.setdefault((key, use.column), [])
        if transformation not in transformations:
            transformations.append(transformation)
    return [
        {"namespace": key[0], "name": key[1], "field": column, "transformations": transformations}
        for (key, column), transformations in fields.items()
    ]


def _fields_used(told: Iterable[_Told]) -> dict[Key, dict[str, None]]:
    used: dict[Key, dict[str, None]] = {}
    for one in told:
        for key, column in one.used():
            used.setdefault(key, {})[column] = None
    return used


def _with_fields(dataset: Dataset, used: Iterable[str]) -> Dataset:
    """With the used columns in its schema: consumers drop lineage of fields that they don't know."""
    columns = listed_columns(dataset)
    given = "schema" in dataset.values or "schema" in dataset.facets
    partial = bool(dataset.values.get("schema_partial")) and "schema" not in dataset.facets
    if given and not (partial and columns):
        return dataset
    listed = {column.name.casefold() for column in columns or ()}
    more = [{"name": name} for name in used if name.casefold() not in listed]
    if not more:
        return dataset
    schema = [*(dataset.values.get("schema") or ()), *more]
    return replace(dataset, values={**dataset.values, "schema": schema})


def _key(dataset: Dataset) -> Key:
    return dataset.namespace, dataset.name
