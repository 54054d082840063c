"""pytest fixtures of real dbt.

Load them with `pytest_plugins = ("tests.dbt.fixtures",)`. Those of the session are shared: a test that changes something
takes a copy of the project and a bridge of its own.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.running import WINDOW, Built, Project, require_dbt, settled


@pytest.fixture
def dbt_project(tmp_path: Path) -> Callable[[str], Project]:
    """Makes a copy of a project."""
    require_dbt()
    return lambda name: Project.copy(name, tmp_path)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """`dbt build` of the project that has one of everything, on DuckDB, once a session."""
    require_dbt()
    yield from built("everything", tmp_path_factory.mktemp("everything"), *WINDOW)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """`dbt build` of the small project, once a session."""
    require_dbt()
    yield from built("shop", tmp_path_factory.mktemp("shop"))


def built(name: str, folder: Path, *flags: str) -> Iterator[Built]:
    """Build a project before a bridge that goes on running."""
    project = Project.copy(name, folder)
    with BridgeProcess(folder / "bridge") as bridge:
        outcome = project.dbt("build", *flags, bridge=bridge)
        yield Built(project, outcome, settled(bridge), bridge)
