"""Tests that must not run at the same time (xdist_group) do not: pytest 9.2 silently breaks what xdist 3.8 does for it."""

import os

import pytest


@pytest.mark.xdist_group("probe")
def test_groups_are_kept_together(request: pytest.FixtureRequest) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ or not request.config.getoption("loadgroup"):
        pytest.skip("one after the other anyway")
    assert request.node.nodeid.endswith("@probe")
