"""The user's mappings, checked and ready: which spans they fit, and what they say in the words of the convention."""

import difflib
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from otel_bridge import convention
from otel_bridge.extract.templates import Absent, Lookup, Template, TemplateError, rowed
from otel_bridge.extract.values import Attributes, text
from otel_bridge.model import LeftOut, Span, Value
from otel_bridge.model.ids import RUN_NAMESPACE
from otel_bridge.settings import Expression, MappedDataset, MappingMatch, SpanMapping

Condition = Callable[[Value], bool]

SETTABLE: Final = (
    convention.JOB_PROCESSING_TYPE,
    convention.JOB_DOCUMENTATION,
    convention.JOB_OWNERS,
    convention.JOB_TAGS,
    convention.JOB_SOURCE_CODE,
    convention.JOB_FACETS,
    convention.RUN_TAGS,
    convention.RUN_FACETS,
    convention.PARENT_RUN_ID,
    convention.PARENT_JOB_NAMESPACE,
    convention.PARENT_JOB_NAME,
    convention.ROOT_RUN_ID,
    convention.ROOT_JOB_NAMESPACE,
    convention.ROOT_JOB_NAME,
    convention.NOMINAL_START,
    convention.NOMINAL_END,
    convention.SQL_DIALECT,
    convention.PROCESSING_ENGINE,
    convention.EXTERNAL_QUERY,
)
"""Attributes of the convention that `set` may give; the others have a key of their own."""
OF_THE_SPAN: Final = ("span.name", "scope.name", "trace.id", "span.id")
"""Fields of templates that are no attributes."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:-]+")
"""Text that looks the same in protobuf and in every JSON."""


class SpanMapper:
    """One mapping, ready. `marker` is in the bytes of each of its spans, or of their scope or resource."""

    def __init__(self, given: SpanMapping, conditions: "_Conditions", making: "_Making") -> None:
        self.name = given.name
        self.io = given.io
        self.marker = conditions.marker
        self._conditions = conditions
        self._making = making

    def fits(self, span: Span) -> bool:
        """Whether it is for this span; never for a copy that limits have cut."""
        cut = span.attributes.get(convention.EXPORT) == convention.EXPORT_PARTIAL
        return self._conditions.hold(span) and not cut

    def said(self, span: Span, default_namespace: str, notes: Attributes) -> dict[str, Value]:
        """The span's attributes with those of the convention; what is left out goes to `notes`."""
        making = self._making
        lookup = _lookup(span)
        filling = _Filling(lookup, notes, f"mappings.{self.name}")
        made = filling.texts(making.texts)
        if not self.io:
            namespace = str(made.get(convention.JOB_NAMESPACE) or default_namespace)
            made |= filling.run_id(making.run_id, namespace)
        made |= filling.datasets(convention.INPUTS, making.inputs, span)
        made |= filling.datasets(convention.OUTPUTS, making.outputs, span)
        if making.sql and (sql := lookup(making.sql)) is not None:
            made[convention.SQL] = sql
        if state := making.states.get(_spoken(lookup(making.state))):
            made[convention.RUN_STATE] = state
        kept = span.attributes if self.io else _without_enclosing(span.attributes)
        return kept | made


class Mappings:
    """All mappings, in the order in which they are tried.

    Raises:
        ValueError: for mappings that `check_mappings` finds fault with.
    """

    def __init__(self, given: Sequence[SpanMapping] = ()) -> None:
        if faults := list(check_mappings(given)):
            raise ValueError("\n".join(faults))
        self._mappers = tuple(_Building("").mapper(one) for one in given)

    def __bool__(self) -> bool:
        return bool(self._mappers)

    @property
    def markers(self) -> tuple[bytes, ...]:
        """What the receiving process looks for."""
        return tuple(dict.fromkeys(mapper.marker for mapper in self._mappers))

    def first(self, span: Span) -> SpanMapper | None:
        """The first that fits."""
        return next((mapper for mapper in self._mappers if mapper.fits(span)), None)


def check_mappings(given: Sequence[SpanMapping]) -> Iterator[str]:
    """One line for each fault: where, what is wrong, what to do."""
    for name, times in Counter(one.name for one in given).items():
        if times > 1:
            yield f"mappings: the name {name!r} is used {times} times; names must differ."
    for at, one in enumerate(given):
        building = _Building(f"mappings[{at}]")
        building.mapper(one)
        yield from building.faults
        yield from _faults(f"mappings[{at}]", one)


def _faults(path: str, one: SpanMapping) -> Iterator[str]:
    """What does not go together."""
    if not _NAME.fullmatch(one.name):
        yield f"{path}.name: expected letters, digits, `_`, `.` and `-` only."
    if one.io and (one.job or one.run.id or one.state or one.set):
        yield f"{path}.io: such a span is no run, so it has no job, run, state or set. Remove these, or io."
    if one.io and not (one.inputs or one.outputs or one.sql):
        yield f"{path}.io: nothing is read or written. Give inputs, outputs or sql."
    if not one.io and one.job is None:
        yield f"{path}.job: required, unless io: true. Give at least its name."
    for key in one.set:
        if key not in SETTABLE:
            yield f"{path}.set.{key}: {_near(key, SETTABLE, 'can not be set')}"


class _Dataset(NamedTuple):
    namespace: Template
    name: Template
    when: "dict[str, Condition]"
    values: Mapping[str, str]


class _Making(NamedTuple):
    """What a mapping makes: templates by attribute of the convention, and the rest."""

    texts: dict[str, Template]
    run_id: Template | None
    inputs: tuple[_Dataset, ...]
    outputs: tuple[_Dataset, ...]
    sql: str
    state: str
    states: Mapping[str, str]


class _Conditions(NamedTuple):
    """What must hold of a span."""

    scope: Condition
    span: Condition
    attributes: dict[str, Condition]
    resource: dict[str, Condition]
    marker: bytes

    def hold(self, span: Span) -> bool:
        return (
            self.scope(span.scope.name)
            and self.span(span.name)
            and _all_hold(self.attributes, span.attributes)
            and _all_hold(self.resource, span.resource.attributes)
        )


class _Building:
    """A mapping under construction; `faults` are lines with their path."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.faults: list[str] = []

    def mapper(self, given: SpanMapping) -> SpanMapper:
        return SpanMapper(given, self._conditions(given.match), self._making(given))

    def _conditions(self, match: MappingMatch) -> _Conditions:
        marker = _marker(match)
        if not marker:
            self.faults.append(
                f"{self._path}.match: nothing in it tells these spans by their bytes. Name an attribute that they "
                "have, or a scope or span name that is no regular expression."
            )
        return _Conditions(
            scope=self._condition("match.scope", True if match.scope is None else match.scope, absent=True),
            span=self._condition("match.span", True if match.span is None else match.span, absent=True),
            attributes=self._all("match.attributes", match.attributes),
            resource=self._all("match.resource", match.resource),
            marker=marker,
        )

    def _making(self, given: SpanMapping) -> _Making:
        texts = {key: self._template(f"set.{key}", source) for key, source in given.set.items()}
        if given.job:
            named = {
                "name": (convention.JOB_NAME, given.job.name),
                "namespace": (convention.JOB_NAMESPACE, given.job.namespace),
                "type": (convention.JOB_TYPE, given.job.type),
                "integration": (convention.JOB_INTEGRATION, given.job.integration),
            }
            texts |= {
                attribute: self._template(f"job.{key}", source)
                for key, (attribute, source) in named.items()
                if source is not None
            }
        return _Making(
            texts={key: template for key, template in texts.items() if template},
            run_id=None if given.run.id is None else self._template("run.id", given.run.id),
            inputs=self._datasets("inputs", given.inputs),
            outputs=self._datasets("outputs", given.outputs),
            sql=given.sql or "",
            state=given.state.attribute if given.state else "",
            states=given.state.values if given.state else {},
        )

    def _datasets(self, slot: str, given: Iterable[MappedDataset]) -> tuple[_Dataset, ...]:
        made = []
        for at, one in enumerate(given):
            path = f"{slot}[{at}]"
            namespace = self._template(f"{path}.namespace", one.namespace)
            name = self._template(f"{path}.name", one.name)
            for key in one.values:
                if key not in convention.DATASET_KEYS:
                    self._fault(
                        f"{path}.values.{key}", _near(key, convention.DATASET_KEYS, "is no key of a dataset")
                    )
            if namespace and name:
                made.append(_Dataset(namespace, name, self._all(f"{path}.when", one.when), one.values))
        return tuple(made)

    def _template(self, path: str, source: str) -> Template | None:
        try:
            template = Template(source)
        except TemplateError as error:
            self._fault(path, str(error))
            return None
        for name in template.attributes:
            if name.startswith(("span.", "scope.", "trace.")) and name not in OF_THE_SPAN:
                near = difflib.get_close_matches(name, OF_THE_SPAN, n=1, cutoff=0.85)
                if near:
                    self._fault(path, f"unknown field {name!r}. Did you mean {near[0]!r}?")
        return template

    def _all(self, path: str, given: Mapping[str, str | bool | int | float]) -> dict[str, Condition]:
        return {key: self._condition(f"{path}.{key}", wanted) for key, wanted in given.items()}

    def _condition(self, path: str, wanted: str | bool | float, absent: bool = False) -> Condition:
        """`absent`: true holds of what is not there as well."""
        if isinstance(wanted, bool):
            return (lambda _: True) if absent else lambda value: (value not in (None, "")) is wanted
        spoken = _spoken(wanted)
        if not _is_pattern(spoken):
            return lambda value: any(_spoken(one) == spoken for one in _each(value))
        try:
            pattern = Expression(spoken[1:-1])
        except ValueError as error:
            self._fault(path, f"is no regular expression ({error}). Correct what is between the slashes.")
            return lambda _: False
        return lambda value: any(pattern.fits(_spoken(one)) for one in _each(value) if one is not None)

    def _fault(self, path: str, reason: str) -> None:
        self.faults.append(f"{self._path}.{path}: {reason}")


class _Filling:
    """Templates of one span being filled."""

    def __init__(self, lookup: Lookup, notes: Attributes, path: str) -> None:
        self._lookup = lookup
        self._notes = notes
        self._path = path

    def texts(self, templates: Mapping[str, Template]) -> dict[str, Value]:
        made: dict[str, Value] = {}
        for name, template in templates.items():
            try:
                made[name] = template.one(self._lookup)
            except LeftOut as left_out:
                if not isinstance(left_out, Absent) or name in (
                    convention.JOB_NAME,
                    convention.JOB_NAMESPACE,
                ):
                    self._notes.omit(f"{self._path}: {name}", left_out.reason)
        return made

    def run_id(self, template: Template | None, namespace: str) -> dict[str, Value]:
        """A UUID as it is; another text as one derived from it."""
        if template is None:
            return {}
        try:
            found = template.one(self._lookup)
        except LeftOut as left_out:
            self._notes.omit(f"{self._path}: run.id", f"{left_out.reason}; the id comes from the span")
            return {}
        try:
            return {convention.RUN_ID: str(uuid.UUID(found))}
        except ValueError:
            return {convention.RUN_ID: str(uuid.uuid5(RUN_NAMESPACE, f"{namespace}:{found}"))}

    def datasets(self, slot: str, given: Iterable[_Dataset], span: Span) -> dict[str, Value]:
        made: list[Value] = []
        for at, one in enumerate(given):
            if not _all_hold(one.when, span.attributes):
                continue
            try:
                made += self._rows(one)
            except LeftOut as left_out:
                self._notes.omit(f"{self._path}: {slot.rpartition('.')[2]}[{at}]", left_out.reason)
        return {slot: made} if made else {}

    def _rows(self, one: _Dataset) -> list[Value]:
        names = rowed([one.namespace.fill(self._lookup), one.name.fill(self._lookup)])
        found = {key: self._lookup(name) for key, name in one.values.items()}
        values = {key: value for key, value in found.items() if value is not None}
        return [{"namespace": namespace, "name": name, **values} for namespace, name in names]


def _lookup(span: Span) -> Lookup:
    own = {
        "span.name": span.name,
        "scope.name": span.scope.name,
        "trace.id": span.trace_id,
        "span.id": span.span_id,
    }

    def lookup(name: str) -> Value:
        for source in (span.attributes, span.resource.attributes, own):
            if (found := source.get(name)) not in (None, ""):
                return found
        return None

    return lookup


def _without_enclosing(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Without the id of the run around it, which otel-lineage stamps on spans that it takes for no runs."""
    return {key: value for key, value in attributes.items() if key != convention.RUN_ID}


def _all_hold(conditions: Mapping[str, Condition], attributes: Mapping[str, Value]) -> bool:
    return all(holds(attributes.get(key)) for key, holds in conditions.items())


def _marker(match: MappingMatch) -> bytes:
    """The longest text that every span of the mapping has in its bytes."""
    wanted = {**match.resource, **match.attributes}
    found = [key for key, value in wanted.items() if value is not False]
    literal = [value for value in (match.scope, match.span, *wanted.values()) if isinstance(value, str)]
    found += [value for value in literal if not _is_pattern(value)]
    plain = [value for value in found if _PLAIN.fullmatch(value)]
    return max(plain, key=len, default="").encode()


def _is_pattern(value: str) -> bool:
    return len(value) > 2 and value.startswith("/") and value.endswith("/")


def _each(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _spoken(value: Value) -> str:
    """As text, "" for what is none."""
    try:
        return text(value)
    except LeftOut:
        return ""


def _near(key: str, known: Iterable[str], fault: str) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"{fault}. Did you mean {near[0]!r}?" if near else f"{fault}. Known: {', '.join(known)}."
