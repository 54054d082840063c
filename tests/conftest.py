"""Fixtures of the whole suite."""

import os
from collections.abc import Iterator

import pytest

from otel_bridge.openlineage.validate import SpecMissing, Validator


@pytest.fixture(scope="session")
def openlineage_spec() -> Validator:
    """The official schemas; without them a test skips on a laptop, and fails in CI."""
    try:
        return Validator.official()
    except SpecMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the shell of the developer sets must not change a test."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OPENLINEAGE")) and name != "OPENLINEAGE_SPEC_DIR":
            monkeypatch.delenv(name)
    yield
