"""All parts by name, and `require`, which decides between skip and failure where one is missing."""

import os
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest

from tests.parts import PartMissing, collector, jaeger, kafka, marquez, marquez_client

Part = Literal["collector", "jaeger", "kafka", "marquez", "marquez_client"]
PARTS: dict[Part, ModuleType] = {
    "collector": collector,
    "jaeger": jaeger,
    "kafka": kafka,
    "marquez": marquez,
    "marquez_client": marquez_client,
}


def require(part: Part) -> Path:
    """The built part. If it is missing the test skips; where `CI` is set it is built, or the test fails."""
    in_ci = bool(os.environ.get("CI"))
    try:
        path: Path = PARTS[part].build() if in_ci else PARTS[part].installed()
    except PartMissing as missing:
        if in_ci:
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    return path
