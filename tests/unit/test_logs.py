"""Lines that libraries log are lines like the bridge's own."""

import json
import logging

import pytest
import structlog

from otel_bridge.settings import Log
from otel_bridge.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def _reset():
    before = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers = before
    structlog.reset_defaults()


def test_a_line_of_a_library_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    configure_logging(Log(format="json"))
    try:
        int("x")
    except ValueError:
        logging.getLogger("some.library").exception("it %s", "failed")
    logging.getLogger("some.library").info("quiet")
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["logger"], entry["level"]) == ("it failed", "some.library", "error")
    assert "ValueError" in entry["exception"]


def test_levels_count_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="error"))
    logging.getLogger("some.library").warning("quiet")
    logging.getLogger("some.library").log(55, "loud")
    [line] = capsys.readouterr().err.splitlines()
    assert "loud" in line
