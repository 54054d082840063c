"""Where the code of a job is, from OpenTelemetry's own `code.*` and `vcs.*` attributes."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from otel_bridge.model import Resource, Value

SCHEMES = ("http", "https", "git", "ssh")
FILE_VIEWS = {"github": "blob", "gitlab": "-/blob"}
"""Part of the path of a web page that shows a file at a revision, by `vcs.provider.name`."""


def source_code(attributes: Mapping[str, Value], resource: Resource) -> dict[str, Value] | None:
    """The `source_code` short form; None unless repository and file are known."""

    def get(name: str) -> str:
        value = attributes.get(name) or resource.attributes.get(name)
        return value if isinstance(value, str) else ""

    repository, path = get("vcs.repository.url.full"), get("code.file.path").removeprefix("./")
    if _scheme(repository) not in SCHEMES or not path or path.startswith(("/", "..")) or ":" in path:
        return None
    revision, ref = get("vcs.ref.head.revision"), get("vcs.ref.head.name")
    kind = "tag" if get("vcs.ref.head.type") == "tag" else "branch"
    found = {
        "type": "git",
        "url": _page(repository, get("vcs.provider.name"), revision, path) or repository,
        "repoUrl": repository,
        "path": path,
        "version": revision,
        kind: ref,
    }
    return {key: value for key, value in found.items() if value}


def repository(attributes: Mapping[str, Value], resource: Resource) -> dict[str, Value] | None:
    """The `source_code` short form for a job of which only the repository is known; None if not even that is.

    >>> repository({"vcs.repository.url.full": "https://git.example/shop"}, Resource())["url"]
    'https://git.example/shop'
    """
    found = source_code({**attributes, "code.file.path": "."}, resource)
    return (
        {key: value for key, value in found.items() if key != "path"} | {"url": found["repoUrl"]}
        if found
        else None
    )


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # such as "http://[::1"
        return ""


def _page(repository: str, provider: str, revision: str, path: str) -> str | None:
    view = FILE_VIEWS.get(provider)
    if view is None or not revision or not repository.startswith("http"):
        return None
    return f"{repository.rstrip('/').removesuffix('.git')}/{view}/{quote(revision)}/{quote(path)}"
