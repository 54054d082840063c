from collections.abc import Iterator

import pytest

from tests.receive.serving import Served, serving


@pytest.fixture(scope="session", params=["uvloop", "asyncio"])
def _doors(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(loop=request.param) as served:
        yield served


@pytest.fixture
def served(_doors: Served) -> Served:
    """Doors with default settings; the journal is empty."""
    _doors.journal.clear()
    return _doors
