"""What a `transport` section of openlineage-python asks of this machine, told before anything is built.

openlineage-python itself finds out with the first event, and in some cases then sends it elsewhere.
"""

import difflib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import msgspec


class Library(msgspec.Struct, frozen=True):
    """A module, and what to install for it."""

    module: str
    install: str

    @property
    def missing(self) -> bool:
        """Whether it can't be imported."""
        try:
            return find_spec(self.module) is None
        except ModuleNotFoundError:  # a package around it is missing
            return True


KAFKA = Library("confluent_kafka", "'otel-bridge[kafka]'")
AWS_SIGNER = Library("aws_msk_iam_sasl_signer", "aws-msk-iam-sasl-signer-python")
AWS = Library("boto3", "boto3")
GOOGLE = Library("google.cloud.datacatalog_lineage_v1", "google-cloud-datacatalog-lineage")
FILES = Library("fsspec", "fsspec")

TYPES: Mapping[str, tuple[Library, ...]] = MappingProxyType(
    {
        "console": (),
        "http": (),
        "async_http": (),
        "datadog": (),
        "file": (),
        "noop": (),
        "composite": (),
        "transform": (),
        "kafka": (KAFKA,),
        "msk-iam": (KAFKA, AWS_SIGNER, AWS),
        "gcplineage": (GOOGLE,),
        "amazon_datazone_api": (AWS,),
    }
)
"""Transports that openlineage-python knows by name, with what they import when they are used."""


def check(section: Mapping[str, Any]) -> None:
    """See that the section's type and those inside it exist, and that their libraries are there.

    Raises:
        ValueError: says what is wrong, and what to install.
    """
    for problem in _problems(section, "transport"):
        raise ValueError(problem)


def children(section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Sections inside a section, by where they stand."""
    if section.get("type") == "composite":
        inner = section.get("transports") or ()
        pairs = inner.items() if isinstance(inner, Mapping) else enumerate(inner)
        yield from ((f"transports.{name}", child) for name, child in pairs if child)
    if section.get("type") == "transform":
        yield "transport", section.get("transport")


def writes_file(section: Mapping[str, Any]) -> bool:
    """Whether it, or one inside, is the file transport."""
    return section.get("type") == "file" or any(
        writes_file(child) for _, child in children(section) if isinstance(child, Mapping)
    )


def _problems(section: Any, path: str) -> Iterator[str]:
    kind = section.get("type") if isinstance(section, Mapping) else None
    if not isinstance(kind, str) or not kind:
        yield f"{path}.type is missing; see https://openlineage.io/docs/client/python"
        return
    if kind not in TYPES and "." not in kind:
        near = difflib.get_close_matches(kind, TYPES, n=1)
        hint = (
            f"did you mean {near[0]!r}?"
            if near
            else f"known are {', '.join(TYPES)}, and package.module.Class"
        )
        yield f"{path}.type: unknown transport; {hint}"
    for library in _libraries(section, kind):
        if library.missing:
            yield f"{path}: {kind} needs {library.module}: pip install {library.install}"
    for place, child in children(section):
        yield from _problems(child, f"{path}.{place}")


def _libraries(section: Mapping[str, Any], kind: str) -> tuple[Library, ...]:
    """Without fsspec the file transport takes `s3://bucket/key` for a folder."""
    remote = "://" in str(section.get("log_file_path", "")) or section.get("filesystem")
    return (FILES,) if kind == "file" and remote else TYPES.get(kind, ())
