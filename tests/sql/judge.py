"""Compares what was found out about a statement with what is expected of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from tests.sql.cases import DIRECT, WHOLE, Case, Edge, Name, WrittenTable

Verdict = Literal["right", "absent", "wrong"]


@dataclass(frozen=True)
class Used:
    table: Name
    column: str
    subtype: str
    masking: bool = False


@dataclass
class FoundTable:
    columns: dict[str, set[Used]] = field(default_factory=dict)
    dataset: set[Used] = field(default_factory=set)
    unresolved: set[str] = field(default_factory=set)


@dataclass
class Found:
    """An answer, in the terms of the corpus. `invented`: tables that don't exist."""

    reads: set[Name] = field(default_factory=set)
    writes: dict[Name, FoundTable] = field(default_factory=dict)
    failure: str = ""


@dataclass
class Judgement:
    """`sources`: the columns, judged by the columns that their values come from, whatever is said of how."""

    case: Case
    columns: dict[tuple[Name, str], Verdict] = field(default_factory=dict)
    sources: dict[tuple[Name, str], Verdict] = field(default_factory=dict)
    dataset: dict[Name, Verdict] = field(default_factory=dict)
    invented: set[Name] = field(default_factory=set)
    missing: set[Name] = field(default_factory=set)
    failure: str = ""
    why: list[str] = field(default_factory=list)

    @property
    def whole(self) -> str:
        """exact, partial, wrong or error."""
        said = [*self.columns.values(), *self.dataset.values()]
        if self.invented or "wrong" in said:
            return "wrong"
        if self.failure:
            return "error"
        return "partial" if self.missing or "absent" in said else "exact"


def judge(case: Case, found: Found) -> Judgement:
    judged = Judgement(case, failure=found.failure)
    allowed = case.reads | case.may_read | case.writes.keys()
    judged.invented = (found.reads - allowed) | (found.writes.keys() - case.writes.keys())
    judged.missing = (case.reads - found.reads) | (case.writes.keys() - found.writes.keys())
    judged.why += [f"invents {'.'.join(table)}" for table in sorted(judged.invented)]
    judged.why += [f"misses {'.'.join(table)}" for table in sorted(judged.missing)]
    if found.failure:
        judged.why.append(found.failure)
    for table, expected in case.writes.items():
        _judge_table(judged, table, expected, found.writes.get(table, FoundTable()))
    return judged


def _judge_table(judged: Judgement, table: Name, expected: WrittenTable, got: FoundTable) -> None:
    more = [column for column in got.columns if column not in expected.columns]
    for column in [*expected.columns, *more, *(expected.unresolved - set(more))]:
        uses = got.columns.get(column)
        edges = expected.columns.get(column)
        at = (table, column)
        if edges is None:
            told = bool({column, WHOLE} & got.unresolved)
            judged.columns[at] = judged.sources[at] = (
                "wrong" if uses is not None else "right" if told else "absent"
            )
            if judged.columns[at] != "right":
                judged.why.append(f"{column}: {_said(uses)}; must be unresolved, with a reason")
            continue
        judged.columns[at] = fits(edges, uses)
        judged.sources[at] = sources_fit(
            edges, None if uses is None else {(use.table, use.column) for use in uses}
        )
        if judged.columns[at] != "right":
            judged.why.append(f"{column}: {_said(uses)}; expected {_wanted(edges)}")
    judged.dataset[table] = fits(expected.dataset, got.dataset)
    if judged.dataset[table] != "right":
        judged.why.append(f"(dataset): {_said(got.dataset)}; expected {_wanted(expected.dataset)}")


def fits(edges: Iterable[Edge], uses: set[Used] | None) -> Verdict:
    """Right if all that must be told is told, and nothing that must not."""
    if uses is None:
        return "absent"
    if not all(any(_allows(edge, use) for edge in edges) for use in uses):
        return "wrong"
    return "right" if all(_met(edge, uses) for edge in edges if edge.any_of) else "absent"


def sources_fit(edges: Iterable[Edge], sources: set[tuple[Name, str]] | None) -> Verdict:
    """The same for the columns that a value is made of, whatever is said of how."""
    if sources is None:
        return "absent"
    if not sources <= {(edge.table, edge.column) for edge in edges}:
        return "wrong"
    return "right" if {(edge.table, edge.column) for edge in edges if edge.direct} <= sources else "absent"


def _allows(edge: Edge, use: Used) -> bool:
    if (edge.table, edge.column) != (use.table, use.column):
        return False
    if use.subtype in edge.any_of:
        return use.subtype not in DIRECT or edge.masking in {None, use.masking}
    return use.subtype in edge.may


def _met(edge: Edge, uses: set[Used]) -> bool:
    return any(use.subtype in edge.any_of and _allows(edge, use) for use in uses)


def _said(uses: set[Used] | None) -> str:
    if uses is None:
        return "nothing"
    told = (f"{u.subtype} {'.'.join(u.table)}.{u.column}{' masking' if u.masking else ''}" for u in uses)
    return "; ".join(sorted(told)) or "no uses"


def _wanted(edges: Iterable[Edge]) -> str:
    return "; ".join(_edge(edge) for edge in edges) or "no uses"


def _edge(edge: Edge) -> str:
    subtypes = "|".join(sorted(edge.any_of)) + ("?" + "|".join(sorted(edge.may)) if edge.may else "")
    masking = {True: " masking", None: " masking?", False: ""}[edge.masking]
    return f"{subtypes} {'.'.join(edge.table)}.{edge.column}{masking}"
