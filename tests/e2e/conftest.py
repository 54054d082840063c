"""Fixtures that several files of this folder use, and which tests stay together when they run side by side."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.marquez_line import Line, line_to
from tests.parts.marquez import Marquez

SHARED = ("marquez", "kafka", "jaeger", "postgres")
"""Fixtures that live as long as the session."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that share a part run in one process, one after the other, so that there is one of it."""
    if isinstance(item, pytest.Function):
        for part in set(SHARED).intersection(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group(part))


@pytest.fixture
def line(tmp_path: Path, marquez: Marquez) -> Iterator[Line]:
    """A bridge before the session's Marquez, with namespaces that are this test's own."""
    with line_to(marquez, tmp_path) as running:
        yield running
