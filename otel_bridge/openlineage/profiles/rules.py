"""Kinds of rules: each is a value with its reason and source, and knows how to apply itself to a draft."""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.facets import run_otel_trace
from otel_bridge.openlineage.profiles.draft import (
    Draft,
    Members,
    changed,
    opened,
    remembering,
    replace_facets,
    rewritten,
    text_of,
)

RUN_EVENTS: Final = ("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER")
EVENTS: Final = (*RUN_EVENTS, "JOB", "DATASET")
JOB_TYPE_URL: Final = facet_url("JobTypeJobFacet", "2-0-4")
ENGINE_URL: Final = facet_url("ProcessingEngineRunFacet", "1-1-1")

_VERSION: Final = re.compile(r"v?\d[\w.\-]*")
_value: Final = msgspec.json.Decoder().decode


class Skipped(Exception):
    """The consumer does not want this event; the reason, as it is counted."""


class Refused(Exception):
    """The consumer can't take this event; why, and what to do."""


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. `id` names it in tests; `reason` is one sentence, `source` says where it is known from."""

    id: str
    reason: str
    source: str

    def what(self) -> str:
        """What it does, for the documents."""
        raise NotImplementedError

    def look(self, event_type: str) -> None:
        """Decide by the type alone, before anything is decoded; may raise `Skipped`."""

    def cleaned(self, body: bytes) -> bytes:
        """The body, rewritten before anything is decoded."""
        return body

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Adapt the draft; may raise `Skipped` or `Refused`.

        `known_path` is the full name of the run's parent, if the event log knows it.
        """


class Takes(Rule, frozen=True, kw_only=True):
    """Only these types of events go; JOB and DATASET are static metadata."""

    types: tuple[str, ...]

    def what(self) -> str:
        """As the documents say it."""
        return "Takes " + ", ".join(f"`{one}`" for one in self.types) + "; other events are skipped."

    def look(self, event_type: str) -> None:
        """Skip the others."""
        if event_type not in self.types:
            raise Skipped(f"{event_type} events are not wanted")


class NeedsDatasets(Rule, frozen=True, kw_only=True):
    """An event must have inputs and outputs."""

    def what(self) -> str:
        """As the documents say it."""
        return "An event without inputs or without outputs is skipped."

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Skip what has not both."""
        for key in ("inputs", "outputs"):
            if not draft.has(key):
                raise Skipped(f"no {key}")


class SuppliesJobType(Rule, frozen=True, kw_only=True):
    """A run event without `jobType` gets one."""

    def what(self) -> str:
        """As the documents say it."""
        return (
            "A run event without job facet `jobType` gets one: `BATCH`, `JOB`, and as integration the name of "
            "its processing engine, else a name made from its producer."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Supply it."""
        if draft.of_run and not opened(draft.job_facets, "jobType"):
            engine = text_of(opened(draft.run_facets, "processing_engine"), "name")
            integration = engine or producer_name(text_of(draft.members, "producer"))
            fields = {"processingType": "BATCH", "integration": integration.upper(), "jobType": "JOB"}
            draft.add_facet("job", "jobType", JOB_TYPE_URL, fields)


class SuppliesEngine(Rule, frozen=True, kw_only=True):
    """A run event whose `processing_engine` has no name gets one."""

    def what(self) -> str:
        """As the documents say it."""
        return (
            "A run event without a name in run facet `processing_engine` gets it from the integration of its "
            "`jobType`, else from its producer; a version that nobody gave is `unknown`, since the schema requires one."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Supply the facet, or the name in it."""
        facet = opened(draft.run_facets, "processing_engine")
        if not draft.of_run or text_of(facet, "name"):
            return
        integration = text_of(opened(draft.job_facets, "jobType"), "integration")
        name = (integration or producer_name(text_of(draft.members, "producer"))).lower()
        if facet:
            draft.put(facet, "name", name)
        else:
            draft.add_facet("run", "processing_engine", ENGINE_URL, {"version": "unknown", "name": name})


class ParentProducer(Rule, frozen=True, kw_only=True):
    """A parent facet's `_producer` names the engine in the way that the consumer looks for."""

    form: str
    known: tuple[str, ...]
    """Producers that it knows; `*` stands for a part of a path."""

    def what(self) -> str:
        """As the documents say it."""
        known = " or ".join(f"`{start}`" for start in self.known)
        return (
            f"`_producer` of the `parent` facet becomes `{self.form.format('<engine>')}`, with the engine's name of the "
            f"run, unless it begins with {known}."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Write it so."""
        parent = draft.parent
        engine = text_of(opened(draft.run_facets, "processing_engine"), "name")
        known = any(_begins(start, text_of(parent, "_producer")) for start in self.known)
        if parent and engine and not known:
            draft.put(parent, "_producer", self.form.format(engine.lower()))


class TopJobType(Rule, frozen=True, kw_only=True):
    """A run without a parent is sent as a job of the first of these types, unless it is one of them."""

    types: tuple[str, ...]

    def what(self) -> str:
        """As the documents say it."""
        return (
            f"A run without a parent has `jobType.jobType` {', '.join(f'`{one}`' for one in self.types)}; "
            f"any other one becomes `{self.types[0]}`."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Set the type."""
        facet = opened(draft.job_facets, "jobType")
        top = draft.of_run and not draft.parent
        if top and facet and text_of(facet, "jobType").upper() not in self.types:
            draft.put(facet, "jobType", self.types[0])


class LowerCaseTypes(Rule, frozen=True, kw_only=True):
    """Types in schema facets are written in lower case."""

    def what(self) -> str:
        """As the documents say it."""
        return "Types of fields in `schema` are sent in lower case, nested ones too."

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Write them so."""
        replace_facets(draft, "schema", _lowered)


class ParentPaths(Rule, frozen=True, kw_only=True):
    """The parent's job is named as it is stored: with the names of all runs above it in front."""

    def what(self) -> str:
        """As the documents say it."""
        return (
            "`parent.job.name` becomes the full name, `<grandparent>.<parent>`, as far up as the event log knows the "
            "runs above. A parent that is not in the log before the run, or no longer, is placed below its `root`. "
            "`job.name` stays, unless it begins with the parent's short name: that becomes the full one, too."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Rename the parent's job in the facet."""
        said, path = _parent_renamed(draft, known_path)
        name = text_of(draft.job, "name")
        # Marquez puts the parent in front of a plain name by itself. It takes one that is called exactly like its
        # parent apart, and looks for a parent without the last part.
        if path and (_below(name, said) or (path == name and "." in path)):
            draft.put(draft.job, "name", joined(path, name, said))


class NamePaths(Rule, frozen=True, kw_only=True):
    """The job of a run with a parent, and the parent's, are called by their full names."""

    def what(self) -> str:
        """As the documents say it."""
        return "The job of a run with a parent is named `<parent>.<job>`, unless it is already; the parent likewise."

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Rename both."""
        said, path = _parent_renamed(draft, known_path)
        name = text_of(draft.job, "name")
        if path and joined(path, name, said) != name:
            draft.put(draft.job, "name", joined(path, name, said))


class FieldTransformations(Rule, frozen=True, kw_only=True):
    """Fields in `columnLineage` say by the older two texts, too, how they are made."""

    def what(self) -> str:
        """As the documents say it."""
        return (
            "A field in `columnLineage` without `transformationType` and `transformationDescription` gets them from the "
            "`transformations` of its inputs; the type only if it is `MASKED` or `IDENTITY`."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Add them."""
        replace_facets(draft, "columnLineage", _with_transformations)


class NamespaceCharacters(Rule, frozen=True, kw_only=True):
    """Other characters of namespaces become `_`, wherever a namespace is named."""

    allowed: str

    def what(self) -> str:
        """As the documents say it."""
        return (
            f"Characters of namespaces other than `{self.allowed}` become `_`, in jobs, parents, datasets and "
            "facets alike."
        )


class OutputsAtTheEnd(Rule, frozen=True, kw_only=True):
    """What a run writes is told by its terminal event alone, if that is sure to tell it."""

    def what(self) -> str:
        """As the documents say it."""
        return (
            "START of a run that the bridge made from a span (run facet `otel_trace` of the bridge's schema) goes without "
            "outputs, unless `jobType.processingType` is `STREAMING`. COMPLETE, FAIL and ABORT of such runs repeat "
            "all outputs."
        )

    def apply(self, draft: Draft, known_path: str | None) -> None:
        """Leave them out of START."""
        if text_of(draft.members, "eventType") != "START" or not draft.has("outputs"):
            return
        ours = text_of(opened(draft.run_facets, run_otel_trace.KEY), "_schemaURL")
        processing = text_of(opened(draft.job_facets, "jobType"), "processingType")
        if ours.endswith(run_otel_trace.SCHEMA_URL) and processing.upper() != "STREAMING":
            draft.clear("outputs")


def joined(path: str, name: str, said: str = "") -> str:
    """The full name of a job below another, whose full name is `path` and which the job's event calls `said`.

    >>> joined("dag", "task"), joined("dag", "dag.task"), joined("top.dag", "dag.task", "dag")
    ('dag.task', 'dag.task', 'top.dag.task')
    """
    if _below(name, path):
        return name
    return f"{path}{name[len(said) :]}" if _below(name, said) else f"{path}.{name}"


def parent_path(facet: Members, known_path: str | None) -> str:
    """The full name of the job in a parent facet.

    Without knowledge of the parent itself it is at most one level below its root: right for three levels,
    and for names that are full already.
    """
    if known_path is not None:
        return known_path
    job, root = opened(facet, "job"), opened(facet, "root")
    name, above = text_of(job, "name"), text_of(opened(root, "job"), "name")
    if not above or _is(root, "run", facet, ("runId",)) or _is(root, "job", facet, ("namespace", "name")):
        return name
    return joined(above, name)


def producer_name(producer: str) -> str:
    """A name for what a producer's URL stands for.

    >>> producer_name("https://github.com/OpenLineage/OpenLineage/tree/1.51.0/integration/spark")
    'spark'
    >>> producer_name("https://github.com/apache/airflow/tree/providers-openlineage/2.2.0")
    'airflow'
    >>> producer_name("https://example.org/etl/v1.2"), producer_name("https://example.org")
    ('etl', 'example.org')
    """
    host, *path = [part for part in re.sub(r"^\w+:/*", "", producer).split("/") if part] or ["unknown"]
    if "integration" in path[:-1]:
        return path[path.index("integration") + 1]
    if host == "github.com" and len(path) > 1:
        return path[1]
    return next((part for part in reversed(path) if not _VERSION.fullmatch(part)), host)


def _begins(start: str, url: str) -> bool:
    """Whether a URL begins so.

    >>> _begins("https://h/*/integration/", "https://h/tree/integration/spark"), _begins("https://h/*/x/", "https://h/x/")
    (True, False)
    """
    return re.match(re.escape(start).replace(r"\*", "[^/]+"), url) is not None


def _is(one: Members, what: str, other: Members, keys: tuple[str, ...]) -> bool:
    first, second = opened(one, what), opened(other, what)
    return all(text_of(first, key) == text_of(second, key) for key in keys)


def _below(name: str, above: str) -> bool:
    """Whether a name already says what it is below of."""
    return bool(above) and name.startswith(f"{above}.")


def _parent_renamed(draft: Draft, known_path: str | None) -> tuple[str, str]:
    """Name the parent's job by its path; returns how it was called, and the path. Both "" without a parent."""
    facet = draft.parent if draft.of_run else {}
    job = opened(facet, "job")
    if not job:
        return "", ""
    said, path = text_of(job, "name"), parent_path(facet, known_path)
    if path != said:
        draft.put(job, "name", path)
    return said, path


@remembering
def _lowered(schema: bytes) -> Raw | None:
    """A schema facet with its types in lower case, None if they are. Schemas come again and again."""

    def lower(node: Members) -> Members:
        kind = node.get("type")
        return {**node, "type": kind.lower()} if isinstance(kind, str) else node

    return changed(schema, rewritten(_value(schema), lower))


@remembering
def _with_transformations(column_lineage: bytes) -> Raw | None:
    """A columnLineage facet whose fields have what `FieldTransformations` adds, None if nothing is missing."""
    facet = _value(column_lineage)
    fields = facet.get("fields") if isinstance(facet, dict) else None
    if not isinstance(fields, dict):
        return None
    found = {name: {**_transformation(field), **field} if isinstance(field, dict) else field
             for name, field in fields.items()}  # fmt: skip
    return changed(column_lineage, {**facet, "fields": found})


def _transformation(field: Members) -> Members:
    """What the `transformations` of all inputs of a field come to."""
    if "transformationType" in field or "transformationDescription" in field:
        return {}
    inputs = [one for one in _listed(field, "inputFields") if isinstance(one, dict)]
    every = [one for node in inputs for one in _listed(node, "transformations") if isinstance(one, dict)]
    said = list(dict.fromkeys(filter(None, map(_sentence, every))))
    if any(one.get("masking") is True for one in every):
        kind: Members = {"transformationType": "MASKED"}
    else:
        identity = said == ["DIRECT IDENTITY"] and all(_listed(one, "transformations") for one in inputs)
        kind = {"transformationType": "IDENTITY"} if identity else {}
    return {**kind, "transformationDescription": "; ".join(said)} if said else {}


def _sentence(transformation: Members) -> str:
    kind = " ".join(str(transformation[key]) for key in ("type", "subtype") if transformation.get(key))
    description = transformation.get("description")
    return f"{kind}: {description}" if description else kind


def _listed(node: Members, key: str) -> list[Any]:
    found = node.get(key)
    return found if isinstance(found, list) else []
