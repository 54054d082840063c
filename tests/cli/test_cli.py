"""The command line as a user meets it; what needs a running bridge is in tests/acceptance."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bridge.journal import prepare
from otel_bridge.testing import Sink
from tests.otlp import logs, record, span, span_id, trace_id, traces

GOLDEN = Path(__file__).parents[1] / "golden/bridge"


def run(*arguments: str, cwd: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "otel_bridge", *arguments]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=60)


def test_convert_files_and_stdin_alike(tmp_path: Path) -> None:
    file = GOLDEN / "three_levels_child_first/input.jsonl"
    expected = (file.parent / "events.ndjson").read_bytes()
    assert run("convert", str(file), cwd=tmp_path).stdout == expected
    assert run("convert", "-", cwd=tmp_path, stdin=file.read_bytes()).stdout == expected


def test_convert_a_pretty_printed_request(tmp_path: Path) -> None:
    file = GOLDEN / "minimal/input.jsonl"
    pretty = json.dumps(json.loads(file.read_bytes()), indent=2).encode()
    assert (
        run("convert", "-", cwd=tmp_path, stdin=pretty).stdout == (file.parent / "events.ndjson").read_bytes()
    )


def test_convert_a_binary_request(tmp_path: Path) -> None:
    (tmp_path / "request.bin").write_bytes(traces(span(trace_id(), span_id(), job="binary")))
    events = [json.loads(line) for line in run("convert", "request.bin", cwd=tmp_path).stdout.splitlines()]
    assert [(e["eventType"], e["job"]["name"]) for e in events] == [
        ("START", "binary"),
        ("COMPLETE", "binary"),
    ]


def test_convert_says_what_is_missing_if_nothing_comes_out(tmp_path: Path) -> None:
    (tmp_path / "request.bin").write_bytes(traces(span(trace_id(), span_id())))
    done = run("convert", "request.bin", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"openlineage.job.name" in done.stderr


def test_convert_says_what_it_left_out(tmp_path: Path) -> None:
    done = run("convert", str(GOLDEN / "bad_values_are_left_out/input.jsonl"), cwd=tmp_path)
    assert done.returncode == 0
    said = done.stderr.decode()
    for path in (
        "openlineage.run.id",
        "openlineage.run.state",
        "openlineage.nominal_start",
        "openlineage.inputs[0]",
        "openlineage.outputs",
    ):
        assert path in said
    assert len(said.splitlines()) == len(set(said.splitlines()))


def test_convert_says_what_gave_no_event(tmp_path: Path) -> None:
    unusable = [record("openlineage.job"), record("openlineage.dataset", openlineage__dataset={"name": "x"})]
    (tmp_path / "logs.bin").write_bytes(logs(*unusable))
    done = run("convert", "--signal", "logs", "logs.bin", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    first, second, *_ = done.stderr.decode().splitlines()
    assert "openlineage.job.name (log event `openlineage.job` of service shop): a job needs a name" in first
    assert "openlineage.dataset.namespace (log event" in second


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfe nonsense", "bad"),
        (b'{"resourceSpans": 7}', "bad"),
        (b'{"resourceSpans": []}\n{oops\n', "line 2"),
    ],
)
def test_convert_refuses_what_is_not_otlp(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "bad").write_bytes(content)
    done = run("convert", "bad", cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_convert_refuses_a_missing_file(tmp_path: Path) -> None:
    done = run("convert", "none.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "error: none.jsonl: No such file or directory. Give files that exist, or - for stdin.\n",
    )


def test_config_check_reports_everything_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("runs: {lost_aftr: 1}\nlog: {level: loud}\n")
    done = run("config", "check", "--config", "b.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2


def test_config_example_and_schema_print(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(run("config", "example", cwd=tmp_path).stdout)
    assert run("config", "check", "--config", "b.yaml", cwd=tmp_path).returncode == 0
    assert json.loads(run("config", "schema", cwd=tmp_path).stdout)["properties"]["runs"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("health",),
        ("events",),
        ("doctor",),
        ("replay", "--failed"),
        ("dead-letters", "list"),
        ("dead-letters", "list", "--source"),
        ("dead-letters", "retry", "x"),
    ],
)
def test_commands_without_a_journal_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--data-dir", "none", cwd=tmp_path)
    assert done.returncode == 2
    assert b"otel-bridge serve" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A data directory as a bridge leaves it that never received anything."""
    prepare(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("replay",), "Give one of --destination NAME, --failed, or --spans FIRST LAST."),
        (("replay", "--failed", "--spans", "1", "2"), "Give one of"),
        (("replay", "--failed", "--since", "2h"), "--since and --after go with --destination"),
        (("replay", "--spans", "5", "1"), "the smaller one first"),
        (("replay", "--destination", "x"), "no destination is named 'x'. There is none; add one"),
        (("replay", "--destination", "x", "--after", "-1"), "Invalid value for '--after'"),
        (("dead-letters", "list", "x"), "no destination is named 'x'"),
        (("dead-letters", "show", "x", "1"), "no destination is named 'x'"),
        (("dead-letters", "retry", "x"), "no destination is named 'x'"),
        (("dead-letters", "drop", "x"), "or --all"),
        (
            ("dead-letters", "list", "x", "--source"),
            "no message of a source named 'x' is kept. There are none",
        ),
        (("dead-letters", "show", "x", "1", "--source"), "no message of a source named 'x'"),
        (("dead-letters", "retry", "x", "--source"), "no message of a source named 'x'"),
        (("dead-letters", "drop", "x", "1", "--source"), "no message of a source named 'x'"),
        (("dead-letters", "list", "--source", "--dropped"), "Leave out --dropped."),
        (("events", "--limit", "0"), "Invalid value for '--limit'"),
        (("events", "--since", "yesterday"), "is not a duration such as 250ms, 10s"),
        (("nothing",), "No such command 'nothing'"),
    ],
)
def test_what_can_not_be_done_is_explained(journal: Path, arguments: tuple[str, ...], expected: str) -> None:
    options = () if arguments == ("nothing",) else ("--data-dir", str(journal))
    done = run(*arguments, *options, cwd=journal.parent)
    assert (done.returncode, done.stdout) == (2, b"")
    assert expected in done.stderr.decode()


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    done = run("events", "--data-dir", "data", cwd=tmp_path)
    assert (done.returncode, done.stderr.split(b". ")[0]) == (2, b"error: data is no folder")


def test_health_asks_no_proxy_and_knows_its_own(
    journal: Path, lineage_sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    endpoint = f"api.endpoint={lineage_sink.url.removeprefix('http://')}"
    done = run("health", "--data-dir", str(journal), "--set", endpoint, cwd=journal.parent)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"answers, but is no otel-bridge" in done.stderr
    assert [r.path for r in lineage_sink.requests] == ["/health"]


def test_health_of_a_bridge_that_is_gone(journal: Path) -> None:
    (journal / "endpoints.json").write_text("half a li")
    done = run("health", "--data-dir", str(journal), "--set", "api.endpoint=127.0.0.1:1", cwd=journal.parent)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Start it with `otel-bridge serve`" in done.stderr
    assert b"urlopen" not in done.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    said = run("--help", cwd=tmp_path).stdout.decode()
    for name in ("serve", "convert", "config", "health", "events", "dead-letters", "replay", "doctor"):
        assert f"\n  {name} " in said
