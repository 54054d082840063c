"""parent: the run that started this one, and the topmost one of the chain."""

from collections.abc import Mapping
from typing import Final, cast

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import JobRef, LeftOut, RunRef, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import shown
from otel_bridge.openlineage.shapes import Forwarded, Maybe, Part, Shape, Uuid, is_uuid

KEY: Final = "parent"
SLOT: Final = "run"
SCHEMA_URL: Final = facet_url("ParentRunFacet", "1-2-0")
VALUES: Final[dict[str, str]] = {"parent": convention.PARENT_RUN_ID, "root": convention.ROOT_RUN_ID}
EXAMPLE: Final = {"parent": RunRef("018f0c9e-6d1c-7a4e-9a57-aaaaaaaaaaaa", JobRef("prod.sales", "daily"))}


class ParentRun(Part, frozen=True, kw_only=True, rename="camel"):
    """A run, optionally with facets of its own."""

    run_id: Uuid
    facets: dict[str, Forwarded] | Maybe = UNSET


class ParentJob(Part, frozen=True, kw_only=True):
    """A job, optionally with facets of its own."""

    namespace: str
    name: str
    facets: dict[str, Forwarded] | Maybe = UNSET


class Root(Part, frozen=True, kw_only=True):
    """The topmost run."""

    run: ParentRun
    job: ParentJob


class Parent(Shape, frozen=True, kw_only=True):
    """The run above, and the topmost one if it is known."""

    run: ParentRun
    job: ParentJob
    root: Root | Maybe = UNSET


SHAPE: Final = Parent


def build(values: Mapping[str, Value]) -> Parent:
    """From `RunRef`s of the parent and, optionally, the root."""
    parent, root = values.get("parent"), values.get("root")
    if not isinstance(parent, RunRef):
        raise LeftOut("a root without a parent says nothing")
    above = Root(run=_run(root), job=_job(root)) if isinstance(root, RunRef) else UNSET
    return Parent(run=_run(parent), job=_job(parent), root=above)


def _run(ref: RunRef) -> ParentRun:
    if not is_uuid(ref.run_id):
        raise LeftOut(f"the run id {shown(ref.run_id)} is not a UUID")
    return ParentRun(run_id=cast(Uuid, ref.run_id))


def _job(ref: RunRef) -> ParentJob:
    return ParentJob(namespace=ref.job.namespace, name=ref.job.name)
