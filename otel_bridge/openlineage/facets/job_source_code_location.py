"""sourceCodeLocation: where the code of a job is."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from otel_bridge import convention
from otel_bridge.model import LeftOut, Value
from otel_bridge.openlineage.core import facet_url
from otel_bridge.openlineage.reading import Fields, uri
from otel_bridge.openlineage.secrets import mask_url
from otel_bridge.openlineage.shapes import Maybe, Shape, Uri

KEY: Final = "sourceCodeLocation"
SLOT: Final = "job"
SCHEMA_URL: Final = facet_url("SourceCodeLocationJobFacet", "1-1-0")
VALUES: Final[dict[str, str]] = {"source_code": convention.JOB_SOURCE_CODE}
EXAMPLE: Final = {"source_code": {"url": "https://example.org/shop/blob/main/daily.sql", "branch": "main"}}

MAX_URL: Final = 255
"""Marquez refuses a whole terminal event for a longer one."""


class SourceCodeLocation(Shape, frozen=True, kw_only=True):
    """`url` opens the file; `version` is a commit."""

    type: str
    url: Uri
    repo_url: str | Maybe = UNSET
    path: str | Maybe = UNSET
    version: str | Maybe = UNSET
    tag: str | Maybe = UNSET
    branch: str | Maybe = UNSET
    pull_request_number: str | Maybe = UNSET


SHAPE: Final = SourceCodeLocation


def build(values: Mapping[str, Value]) -> SourceCodeLocation:
    """From `{url, type, repoUrl, path, version, tag, branch, pullRequestNumber}`; `type` is else `git`."""
    fields = Fields(values["source_code"], "the source code")
    url = mask_url(fields.need("url"))
    if len(url) > MAX_URL:
        raise LeftOut(f"`url` of the source code has more than {MAX_URL} characters")
    repository = fields.text("repoUrl", "repo_url")
    return SourceCodeLocation(
        type=fields.text("type") or "git",
        url=uri(url, "`url` of the source code"),
        repo_url=mask_url(repository) if repository else UNSET,
        path=fields.text("path"),
        version=fields.text("version"),
        tag=fields.text("tag"),
        branch=fields.text("branch"),
        pull_request_number=fields.text("pullRequestNumber", "pull_request_number"),
    )
