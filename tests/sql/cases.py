"""Loads the corpus: statements with the lineage that was worked out for them by hand (corpus/README.md has the notation).

Needs PyYAML alone, so that it also runs in the environment of a peer.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parent / "corpus"
DIALECTS = ("bigquery", "databricks", "duckdb", "postgres", "redshift", "snowflake", "spark", "trino", "tsql")
DIRECT = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
SUBTYPES = DIRECT | {"JOIN", "GROUP_BY", "FILTER", "SORT", "WINDOW", "CONDITIONAL"}
KEYS = {"dialect", "note", "database", "schema", "tables", "target", "sql", "expect", "known_gap"}
EXPECT = {"reads", "writes"}
WRITTEN = {"columns", "dataset", "unresolved"}
WHOLE = "*"

Name = tuple[str, ...]


class CorpusError(Exception):
    """A file of the corpus that can't be read as one; says where and what."""


@dataclass(frozen=True)
class Edge:
    """A use of a column. One of `any_of` must be told (nothing must be if it is empty), those of `may` are allowed."""

    table: Name
    column: str
    any_of: frozenset[str]
    may: frozenset[str] = frozenset()
    masking: bool | None = False

    @property
    def direct(self) -> bool:
        return bool(self.any_of) and self.any_of <= DIRECT


@dataclass(frozen=True)
class WrittenTable:
    """What is expected of a table that is written; nothing is said of columns that aren't listed."""

    columns: dict[str, tuple[Edge, ...]] = field(default_factory=dict)
    dataset: tuple[Edge, ...] = ()
    unresolved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    path: Path
    dialect: str
    note: str
    sql: str
    tables: dict[Name, tuple[tuple[str, str], ...] | None]
    reads: frozenset[Name]
    may_read: frozenset[Name]
    writes: dict[Name, WrittenTable]
    target: Name | None = None
    target_columns: tuple[tuple[str, str], ...] | None = None
    database: str = ""
    schema: str = ""
    known_gap: str = ""

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"


def cases(folder: Path = CORPUS) -> list[Case]:
    return [load(path) for path in sorted(folder.glob("*/*.yaml"))]


def load(path: Path) -> Case:
    try:
        return _Reader(path).case()
    except yaml.YAMLError as error:
        raise CorpusError(f"{path.name}: no YAML: {error}") from error


def name(text: str) -> Name:
    """A dotted name; double quotes around a part keep its dots."""
    return tuple(quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^."]+)', text))


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables: dict[Name, tuple[tuple[str, str], ...] | None] = {}
        self.sources: list[Name] = []
        self.known: list[Name] = []

    def case(self) -> Case:
        given = yaml.load(self.path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.keys(given, KEYS, {"dialect", "note", "sql", "expect"}, "the file")
        if given["dialect"] != self.path.parent.name:
            raise self.error("dialect must be the name of the folder")
        self.tables = {name(t): self.columns(c) for t, c in (given.get("tables") or {}).items()}
        target, columns = self.target(given.get("target"))
        expect = given["expect"]
        self.keys(expect, EXPECT, EXPECT, "expect")
        reads = [str(read) for read in expect["reads"] or ()]
        must = frozenset(name(read) for read in reads if not read.startswith("?"))
        may = frozenset(name(read[1:]) for read in reads if read.startswith("?"))
        writes = expect["writes"] or {}
        self.sources = list({*self.tables, *must, *may})
        self.known = list(
            {*self.tables, *must, *may, *(name(t) for t in writes), *([target] if target else [])}
        )
        return Case(
            path=self.path,
            dialect=given["dialect"],
            note=given["note"],
            sql=given["sql"],
            tables=self.tables,
            reads=must,
            may_read=may,
            writes={name(table): self.written(table, said or {}) for table, said in writes.items()},
            target=target,
            target_columns=columns,
            database=given.get("database", ""),
            schema=given.get("schema", ""),
            known_gap=given.get("known_gap", ""),
        )

    def columns(self, text: str) -> tuple[tuple[str, str], ...] | None:
        if text == "unknown":
            return None
        found = []
        for part in re.split(r",(?![^(<]*[)>])", text):
            match = re.fullmatch(r'\s*(?:"([^"]+)"|(\S+))\s*(.*?)\s*', part, re.DOTALL)
            if not match:
                raise self.error(f"no column: {part!r}")
            found.append((match[1] or match[2], match[3]))
        return tuple(found)

    def target(self, given: Any) -> tuple[Name | None, tuple[tuple[str, str], ...] | None]:
        if given is None:
            return None, None
        if isinstance(given, str):
            return name(given), self.tables.get(name(given))
        self.keys(given, {"name", "columns"}, {"name", "columns"}, "target")
        return name(given["name"]), self.columns(given["columns"])

    def written(self, table: str, said: dict[str, Any]) -> WrittenTable:
        self.keys(said, WRITTEN, set(), f"writes of {table}")
        columns = {str(c): self.edges(e, f"{table}.{c}") for c, e in (said.get("columns") or {}).items()}
        unresolved = frozenset(said.get("unresolved") or ())
        if both := unresolved & columns.keys():
            raise self.error(f"{table}: {sorted(both)} can't be resolved and unresolved")
        return WrittenTable(columns, self.edges(said.get("dataset"), f"dataset of {table}"), unresolved)

    def edges(self, given: Any, where: str) -> tuple[Edge, ...]:
        lines = [given] if isinstance(given, str) else given or []
        parts = (part.strip() for line in lines for part in line.split(";"))
        return tuple(edge for part in parts for edge in self.edge(part, where))

    def edge(self, text: str, where: str) -> list[Edge]:
        subtypes, *fields = re.findall(r'(?:"[^"]*"|\S)+', text) or [""]
        one, _, other = subtypes.partition("?")
        any_of, may = frozenset(one.split("|")) - {""}, frozenset(other.split("|")) - {""}
        if unknown := (any_of | may) - SUBTYPES:
            raise self.error(f"{where}: {sorted(unknown)} are no subtypes")
        masking = {"masking": True, "masking?": None}.get(fields[-1] if fields else "", False)
        fields = fields if masking is False else fields[:-1]
        if not fields:
            raise self.error(f"{where}: {text!r} names no column")
        return [Edge(*self.field(each, where), any_of, may, masking) for each in fields]

    def field(self, text: str, where: str) -> tuple[Name, str]:
        *table, column = name(text)
        fitting = self.ending_in(tuple(table), self.sources) or self.ending_in(tuple(table), self.known)
        if len(fitting) != 1:
            raise self.error(
                f"{where}: {text} is a column of {len(fitting)} known tables; write more of its name"
            )
        columns = self.tables.get(fitting[0])
        if columns is not None and column not in [known for known, _ in columns]:
            raise self.error(f"{where}: {'.'.join(fitting[0])} has no column {column}")
        return fitting[0], column

    def ending_in(self, end: Name, tables: list[Name]) -> list[Name]:
        return [table for table in tables if table[-len(end) :] == end]

    def keys(self, given: Any, allowed: set[str], needed: set[str], where: str) -> None:
        if not isinstance(given, dict):
            raise self.error(f"{where} must be a map")
        if wrong := given.keys() - allowed:
            raise self.error(f"{where}: unknown keys {sorted(wrong)}; there are {sorted(allowed)}")
        if missing := needed - given.keys():
            raise self.error(f"{where}: {sorted(missing)} missing")

    def error(self, text: str) -> CorpusError:
        return CorpusError(f"{self.path.parent.name}/{self.path.name}: {text}")
