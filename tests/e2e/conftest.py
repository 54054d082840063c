"""Fixtures that several files of this folder use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.marquez_line import Line, line_to
from tests.parts.marquez import Marquez


@pytest.fixture
def line(tmp_path: Path, marquez: Marquez) -> Iterator[Line]:
    """A bridge before the session's Marquez, with namespaces that are this test's own."""
    with line_to(marquez, tmp_path) as running:
        yield running
