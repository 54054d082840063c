"""The short form of `make chaos`: the same code and the same checks, a fixed seed, fewer runs."""

import pytest

from chaos.scenarios import SCENARIOS, Size, Skipped

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SHORT = Size(seed=20261125, runs=120, kills=4)


@pytest.mark.parametrize("name", SCENARIOS)
def test_short_form(name: str) -> None:
    try:
        section = SCENARIOS[name](SHORT)
    except Skipped as reason:
        pytest.skip(str(reason))
    assert not section.failed, section.after
    figures = dict(section.rows)
    assert figures["events lost"] == "0"
    assert int(figures["runs acknowledged"]) > 30
