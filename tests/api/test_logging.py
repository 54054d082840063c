"""The bridge's own log."""

import json

import pytest
import structlog

from otel_bridge.settings import Log, Secret
from otel_bridge.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def _reset():
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_masked(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format=form))
    structlog.get_logger().info(
        "connecting", token=Secret("s3cret"), nested={"headers": [Secret("k3y")]}, tags=("a",)
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert "connecting" in err
    assert "***" in err
    assert "s3cret" not in err
    assert "k3y" not in err


def test_json_is_one_object_a_line_with_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    try:
        int("x")
    except ValueError:
        structlog.get_logger().exception("it failed", path=object)
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"]) == ("it failed", "error")
    assert "ValueError" in entry["exception"]


def test_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="warning"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line for line in capsys.readouterr().err.splitlines() if "quiet" in line] == []
