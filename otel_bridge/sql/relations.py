"""What a query, a table or a function yields: columns in order, with their origins.

Where columns are not known by name (`select *` of a table without schema) a `Rest` stands for them, at their place.
"""

from collections.abc import Callable, Iterable

import msgspec

from otel_bridge.sql.origins import NOTHING, Origin, Uses, merge
from otel_bridge.sql.values import TableName


class Rest(msgspec.Struct, frozen=True):
    """Columns whose names are not known. `lookup` gives the origin of one by its name, `reason` says why they aren't.

    `hidden` are names (casefolded) that are not among them.
    """

    lookup: Callable[[str], Origin]
    reason: str
    hidden: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> "Rest":
        """The same without some names."""
        more = self.hidden | {name.casefold() for name in names}
        return self if more == self.hidden else Rest(self.lookup, self.reason, more)


class Output(msgspec.Struct, frozen=True):
    """A column of a relation, "" being one without a name; with `rest`, columns that are not known by name."""

    name: str
    origin: Origin = NOTHING
    rest: Rest | None = None


class Relation:
    """Columns in order, and the uses that decide which rows there are."""

    def __init__(
        self, outputs: list[Output], dataset: Uses | None = None, table: TableName | None = None
    ) -> None:
        self.outputs = outputs
        self.dataset: Uses = dataset if dataset is not None else {}
        self.table = table
        self._exact: dict[str, Origin] | None = None
        self._folded: dict[str, Origin] = {}

    @property
    def closed(self) -> bool:
        """Whether all columns are known."""
        return not any(output.rest for output in self.outputs)

    @property
    def rests(self) -> list[Rest]:
        """What stands for columns that aren't known by name."""
        return [output.rest for output in self.outputs if output.rest]

    def find(self, name: str) -> Origin | None:
        """The origin of a column that is known by name."""
        if self._exact is None:
            self._index()
        assert self._exact is not None
        return self._exact.get(name) or self._folded.get(name.casefold())

    def may_have(self, name: str) -> bool:
        """Whether a column of that name may be among those that aren't known by name."""
        folded = name.casefold()
        return any(folded not in rest.hidden for rest in self.rests)

    def guess(self, name: str) -> Origin:
        """The origin of a column that `may_have` holds to be possible."""
        folded = name.casefold()
        several = [rest for rest in self.rests if folded not in rest.hidden]
        if len(several) == 1:
            return several[0].lookup(name)
        return Origin(reason=f"`{name}` may come from any of several tables whose columns are not known")

    def renamed(self, names: list[str], where: str) -> "Relation":
        """The same relation under other column names, as in `t(a, b)`; names may be fewer than columns."""
        if not names:
            return self
        outputs: list[Output] = []
        for index, name in enumerate(names):
            output = self.outputs[index] if index < len(self.outputs) else None
            if output is None or output.rest:
                reason = f"{where} names columns by position and not all columns before are known"
                outputs.extend(Output(left, Origin(reason=reason)) for left in names[index:])
                return Relation(outputs, self.dataset)
            outputs.append(Output(name, output.origin))
        outputs.extend(self.outputs[len(names) :])
        return Relation(outputs, self.dataset)

    def _index(self) -> None:
        exact: dict[str, Origin] = {}
        folded: dict[str, Origin] = {}
        for output in self.outputs:
            if output.rest or not output.name:
                continue
            _enter(exact, output.name, output)
            _enter(folded, output.name.casefold(), output)
        self._exact, self._folded = exact, folded


def _enter(index: dict[str, Origin], key: str, output: Output) -> None:
    known = index.setdefault(key, output.origin)
    if known is not output.origin and known != output.origin:
        index[key] = Origin(reason=f"several columns are called `{output.name}`")


def unknown_rest(reason: str) -> Output:
    """Columns of which nothing is known."""
    return Output("*", rest=Rest(lambda _: Origin(reason=reason), reason))


def unknown(names: Iterable[str], reason: str) -> Relation:
    """A relation of which nothing is known but perhaps names."""
    outputs = [Output(name, Origin(reason=reason)) for name in names]
    return Relation(outputs or [unknown_rest(reason)])


def stacked(relations: list[Relation]) -> Relation:
    """Rows of several relations of the same columns by position, named by the first."""
    first = relations[0]
    dataset: Uses = {}
    for relation in relations:
        merge(dataset, relation.dataset)
    if not all(relation.closed for relation in relations):
        return Relation(_stacked_open(relations), dataset)
    if any(len(relation.outputs) != len(first.outputs) for relation in relations):
        reason = "the parts of a set operation have different numbers of columns"
        return Relation([Output(output.name, Origin(reason=reason)) for output in first.outputs], dataset)
    return Relation(
        [
            Output(output.name, _one_of([relation.outputs[index].origin for relation in relations]))
            for index, output in enumerate(first.outputs)
        ],
        dataset,
    )


def _one_of(origins: list[Origin]) -> Origin:
    uses: Uses = {}
    for origin in origins:
        if origin.reason:
            return origin
        merge(uses, origin.uses)
    return Origin(uses)


def _stacked_open(relations: list[Relation]) -> list[Output]:
    """Columns before the first unknown ones still meet by position."""
    outputs: list[Output] = []
    for index, output in enumerate(relations[0].outputs):
        row = [relation.outputs[index] if index < len(relation.outputs) else None for relation in relations]
        if any(cell is None or cell.rest for cell in row):
            reason = next((rest.reason for relation in relations for rest in relation.rests), "")
            names = [left.name for left in relations[0].outputs[index:] if left.name and not left.rest]
            outputs.extend(Output(name, Origin(reason=reason)) for name in names)
            return [*outputs, unknown_rest(reason)]
        outputs.append(Output(output.name, _one_of([cell.origin for cell in row if cell])))
    return outputs


def stacked_by_name(relations: list[Relation]) -> Relation:
    """Rows of several relations of which columns of the same name meet."""
    dataset: Uses = {}
    found: dict[str, tuple[str, list[Origin]]] = {}
    for relation in relations:
        merge(dataset, relation.dataset)
        for output in relation.outputs:
            if not output.rest:
                found.setdefault(output.name.casefold(), (output.name, []))[1].append(output.origin)
    rests = [rest for relation in relations for rest in relation.rests]
    if rests:
        reason = rests[0].reason
        outputs = [Output(name, Origin(reason=reason)) for name, _ in found.values()]
        return Relation([*outputs, unknown_rest(reason)], dataset)
    return Relation([Output(name, _one_of(origins)) for name, origins in found.values()], dataset)
