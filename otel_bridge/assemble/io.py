"""What spans inside a run say of its input and output, gathered until the run ends.

Such a span names physical datasets; the run itself may know one of them by a logical name only (value `logical`: an
asset's key), which is then the same dataset if there is no choice.
"""

from collections.abc import Iterable
from operator import itemgetter

import msgspec
from msgspec.structs import replace

from otel_bridge.assemble import repeated
from otel_bridge.model import Dataset, IoObserved, Omission, Run, Value

MOST_STATEMENTS = 500
"""Different statements of one run that are kept for column lineage; what they read and write beyond is left out."""
MOST_DATASETS = 1000
"""Different inputs, and as many outputs, of one run that are kept; such as the objects that it reads one by one."""
MOST_OMISSIONS = 100
LOGICAL = "logical"
_JOINED = ("symlinks", "tags", "owners")
_PHYSICAL = ("version", "storage", "catalog", "schema")
"""Who did the I/O knows these better than the run."""


class Io(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that was said so far, by `spans` spans. `times` are when each statement was first heard to end."""

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    statements: tuple[dict[str, Value], ...] = ()
    times: tuple[int, ...] = ()
    spans: int = 0
    omissions: tuple[Omission, ...] = ()
    statements_left: int = 0
    datasets_left: int = 0


def gathered(io: Io, said: IoObserved) -> Io:
    """With what one more span says."""
    new = [s for s in said.statements if s not in io.statements]
    room = MOST_STATEMENTS - len(io.statements)
    times = (
        min(at_ns, said.at_ns) if statement in said.statements else at_ns
        for at_ns, statement in zip(io.times, io.statements, strict=True)
    )
    inputs, outputs = _summed(io.inputs, said.inputs), _summed(io.outputs, said.outputs)
    return Io(
        inputs=inputs[:MOST_DATASETS],
        outputs=outputs[:MOST_DATASETS],
        statements=(*io.statements, *new[:room]),
        times=(*times, *(said.at_ns for _ in new[:room])),
        spans=io.spans + 1,
        omissions=tuple(dict.fromkeys((*io.omissions, *said.omissions)))[:MOST_OMISSIONS],
        statements_left=io.statements_left + len(new[room:]),
        datasets_left=io.datasets_left + len(inputs[MOST_DATASETS:]) + len(outputs[MOST_DATASETS:]),
    )


def with_io(run: Run, io: Io) -> Run:
    """The run with what was read and written inside."""
    tables = repeated.tables((*run.inputs, *io.inputs, *run.outputs, *io.outputs))
    inputs = repeated.outside(tables, io.inputs)
    outputs = _placed(run.outputs, repeated.outside(tables, io.outputs))
    if io.outputs or not io.statements:
        outputs = tuple(map(_shown, outputs))
    job_values: dict[str, Value] = run.job_values
    if io.statements:
        in_order = sorted(zip(io.times, io.statements, strict=True), key=itemgetter(0))
        job_values = {**job_values, "statements": [statement for _, statement in in_order]}
    return replace(
        run,
        inputs=tuple(map(_shown, _over(run.inputs, inputs))),
        outputs=outputs,
        job_values=job_values,
        omissions=tuple(dict.fromkeys((*run.omissions, *io.omissions, *_left(io)))),
    )


def with_written(run: Run, listed: Iterable[Dataset]) -> Run:
    """The run, in whose statements more outputs were found than are `listed`: one of those may be what it knows by a
    logical name.
    """
    known = {_key(dataset) for dataset in listed}
    said = tuple(dataset for dataset in run.outputs if _key(dataset) in known)
    found = tuple(dataset for dataset in run.outputs if _key(dataset) not in known)
    return replace(run, outputs=tuple(map(_shown, _placed(said, found))))


def without_logical(run: Run) -> Run:
    """As a run is told before its end: what it writes by a logical name may turn out to be another dataset."""
    if not any(LOGICAL in d.values for d in (*run.inputs, *run.outputs)):
        return run
    physical = tuple(d for d in run.outputs if LOGICAL not in d.values)
    return replace(run, inputs=tuple(map(_shown, run.inputs)), outputs=physical)


def _left(io: Io) -> tuple[Omission, ...]:
    left = []
    if io.statements_left:
        more = f"{io.statements_left} more statements than {MOST_STATEMENTS}"
        left.append(Omission("statements", f"{more}; what they read and write is left out"))
    if io.datasets_left:
        more = f"{io.datasets_left} times there was one more input or output than {MOST_DATASETS}"
        left.append(Omission("datasets", f"{more}; tell the table or folder instead of its files"))
    return tuple(left)


def _placed(said: tuple[Dataset, ...], found: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    """A single logical name is that of the single dataset that was written."""
    logical = [dataset for dataset in said if dataset.values.get(LOGICAL)]
    if len(logical) != 1 or len(found) != 1 or found[0] in said:
        return _over(said, found)
    (named,), (written,) = logical, found
    link: Value = {"namespace": named.namespace, "name": named.name, "type": "ASSET"}
    values = {key: value for key, value in named.values.items() if key != LOGICAL}
    values["symlinks"] = [*_items(values.get("symlinks")), link]
    renamed = replace(named, namespace=written.namespace, name=written.name, values=values)
    return _over(tuple(renamed if d is named else d for d in said), found)


def _over(said: Iterable[Dataset], found: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Both, each dataset once: also what one of them knows by another name that the other gives."""
    datasets = list(said)
    places = {link: i for i, d in enumerate(datasets) for link in _links(d)}
    places |= {_key(d): i for i, d in enumerate(datasets)}
    for dataset in found:
        place = next((places[key] for key in (_key(dataset), *_links(dataset)) if key in places), None)
        if place is None:
            places[_key(dataset)] = len(datasets)
            datasets.append(dataset)
            continue
        known = datasets[place]
        if _key(dataset) not in _links(known):
            known = replace(known, namespace=dataset.namespace, name=dataset.name)
        datasets[place] = _both(known, dataset)
    return tuple(datasets)


def _key(dataset: Dataset) -> tuple[str, str]:
    return dataset.namespace, dataset.name


def _links(dataset: Dataset) -> list[tuple[str, str]]:
    """Its other names."""
    links = [link for link in _items(dataset.values.get("symlinks")) if isinstance(link, dict)]
    return [(str(link.get("namespace")), str(link.get("name"))) for link in links]


def _both(said: Dataset, found: Dataset) -> Dataset:
    """What the run says of the dataset wins, but for what is known better by who did the I/O."""
    better = {key: found.values[key] for key in _PHYSICAL if key in found.values}
    return replace(
        said,
        values=found.values | said.values | better | _joined(said, found),
        facets=found.facets | said.facets,
        input_facets=found.input_facets | said.input_facets,
        output_facets=found.output_facets | said.output_facets,
    )


def _summed(known: tuple[Dataset, ...], found: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    """The same dataset again: later values win, counts add up."""
    datasets = {(d.namespace, d.name): d for d in known}
    for dataset in found:
        key = (dataset.namespace, dataset.name)
        datasets[key] = _added(datasets[key], dataset) if key in datasets else dataset
    return tuple(datasets.values())


def _added(known: Dataset, found: Dataset) -> Dataset:
    both = repeated.count_both(known, found)
    values = known.values | found.values | _joined(known, found) | repeated.counts(known, found)
    return replace(
        known,
        values={k: v for k, v in (values | repeated.lifecycle(known, found)).items() if v is not None},
        facets=repeated.slot(known.facets, found.facets, both_count=both),
        input_facets=repeated.slot(known.input_facets, found.input_facets, both_count=both),
        output_facets=repeated.slot(known.output_facets, found.output_facets, both_count=both),
    )


def _joined(first: Dataset, second: Dataset) -> dict[str, Value]:
    """Lists of both, each item once."""
    joined: dict[str, Value] = {}
    for key in _JOINED:
        items = [*_items(first.values.get(key)), *_items(second.values.get(key))]
        if items:
            joined[key] = [item for i, item in enumerate(items) if item not in items[:i]]
    return joined


def _items(value: Value) -> list[Value]:
    return list(value) if isinstance(value, list | tuple) else []


def _shown(dataset: Dataset) -> Dataset:
    if LOGICAL not in dataset.values:
        return dataset
    return replace(dataset, values={k: v for k, v in dataset.values.items() if k != LOGICAL})
