"""The pipeline is sacred: exit code, output, artifacts, log and order of dbt are those without the plugin.

Whatever the command, however it ends, and whatever the Collector does. Times and ids aside; threads of the log by themselves.
"""

import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from otel_bridge.testing import Sink
from tests.dbt.running import WINDOW, require_dbt
from tests.dbt.sacred import Ending, Run, Twins

pytestmark = pytest.mark.e2e
together = pytest.mark.xdist_group("dbt-sacred-endings")

DELAY_S = 2.0
NOISE_S = 15.0
"""What two runs of the same command may differ by on a machine that others use, too: no measurement, a wait for ever shows."""
DEV = ("--target", "duckdb_dev", "--state", "state")
TO_LONG = (
    "{% macro long() %}{% do run_query('select count(*) from range(300000) a, range(300000) b "
    "where a.range + b.range = -1') %}{% endmacro %}"
)
COMMANDS: dict[str, tuple[list[str], int]] = {
    "build": (["build", *WINDOW], 1),
    "success": (["run", "-s", "stg_orders", "orders_log"], 0),
    "failing-model": (["run", "-s", "broken+"], 1),
    "failing-model-debug": (["--debug", "run", "-s", "broken"], 1),
    "failing-model-json": (["--log-format-file", "json", "run", "-s", "broken"], 1),
    "failing-test": (["test", "-s", "amount_is_round"], 1),
    "warn": (["test", "-s", "amount_is_large"], 0),
    # nothing beside it: what else runs when dbt notices the failure is a matter of milliseconds
    "fail-fast": (["--fail-fast", "build", "-s", "broken+"], 1),
    "bad-target": (["run", "--target", "none"], 2),
    "list": (["ls"], 0),
    "parse": (["parse", "--no-partial-parse"], 0),
    "compile": (["compile", "-s", "orders"], 0),
    "show": (["show", "-s", "orders"], 0),
    "docs": (["docs", "generate", "-s", "orders"], 0),
    "freshness": (["source", "freshness"], 0),
    "operation": (["run-operation", "archive_orders", "--args", "{before: 2026-11-02}"], 0),
    "failing-operation": (["run-operation", "archive_orders", "--args", "{before: never}"], 1),
    "retry": (["retry"], 1),
    "clone": (["clone", "-s", "customer_changes", *DEV], 0),
    "defer": (["run", "-s", "order_report", "--defer", *DEV], 0),
}
FILES = {
    "compile-error": ("models/staging/bad.sql", "select {{ exceptions.raise_compiler_error('not now') }}", 2),
    "late-compile-error": (
        "models/staging/bad.sql",
        "{% if execute %}{{ exceptions.raise_compiler_error('not now') }}{% endif %} select 1 as one",
        1,
    ),
    "jinja-error": ("models/staging/bad.sql", "select {{ none", 2),
    "yaml-error": ("models/bad.yml", "models: [", 2),
    "no-project": ("dbt_project.yml", "nonsense", 2),
}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    require_dbt()
    with Twins("everything", tmp_path_factory.mktemp("sacred")) as made:
        (made.template / "macros/long.sql").write_text(TO_LONG)
        project = made.template / "dbt_project.yml"
        text = project.read_text().replace("broken: false", "broken: true")
        project.write_text(
            text.replace('gate: ""', f"gate: '{made.gate}'")
        )  # any --vars would have all parsed again
        made.gate.touch()
        assert made.prepare("build", *WINDOW).code == 1
        yield made


@pytest.fixture(scope="module")
def collectors() -> Iterator[dict[str, str]]:
    """Endpoints by what they do."""
    with Sink() as sink, socket.create_server(("127.0.0.1", 0), backlog=100) as hanging:
        yield {
            "there": sink.url,
            "hanging": f"http://127.0.0.1:{hanging.getsockname()[1]}",
            "refusing": "http://127.0.0.1:9",
            "absent": "",
        }


def to(url: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url} if url else {}


def same(alone: Ending, told: Ending, code: int) -> None:
    assert alone.differences(told) == ""
    assert alone.code == code, alone.output
    assert told.lasted_s - alone.lasted_s < DELAY_S + NOISE_S


@pytest.mark.xdist_group("dbt-sacred-commands")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(twins: Twins, collectors: dict[str, str], command: str) -> None:
    words, code = COMMANDS[command]
    same(*twins.run([*words], env=to(collectors["there"])), code)


@together
@pytest.mark.parametrize("mistake", FILES)
def test_a_mistake(twins: Twins, collectors: dict[str, str], mistake: str) -> None:
    path, text, code = FILES[mistake]
    same(*twins.run(["run", "-s", "staging"], files={path: text}, env=to(collectors["there"])), code)


@together
@pytest.mark.parametrize("command", ["success", "failing-model"])
def test_a_collector(twins: Twins, collectors: dict[str, str], command: str) -> None:
    words, code = COMMANDS[command]
    alone = twins.once(words, plugin=False)
    for collector in ("hanging", "refusing", "absent"):
        same(alone, twins.once(words, plugin=True, env=to(collectors[collector])), code)


def once(run: Run) -> None:
    """`Ctrl-C`; dbt waits for the model that runs."""
    run.signal(signal.SIGINT)
    run.says("CANCEL query model.everything.gate")
    (run.folder.parent / "gate").touch()


def twice(run: Run) -> None:
    """And does not wait any more."""
    run.signal(signal.SIGINT)
    run.says("CANCEL query model.everything.gate")
    time.sleep(0.2)
    run.signal(signal.SIGINT)


SIGNALS: dict[str, tuple[Callable[[Run], None], int]] = {
    "ctrl-c": (once, 2),
    "ctrl-c-twice": (twice, 2),
    "sigterm": (lambda run: run.signal(signal.SIGTERM), -15),
}


@together
@pytest.mark.parametrize("stopping", SIGNALS)
def test_a_signal(twins: Twins, collectors: dict[str, str], stopping: str) -> None:
    signals, code = SIGNALS[stopping]

    def during(run: Run) -> None:
        run.says('Writing runtime python for node "model.everything.gate"')
        time.sleep(0.3)
        signals(run)

    def gated(plugin: bool, collector: str) -> Ending:
        twins.gate.unlink(missing_ok=True)
        words = ["run", "-s", "gate", "orders_log"]
        return twins.once(words, plugin=plugin, env=to(collectors[collector]), during=during)

    alone = gated(plugin=False, collector="absent")
    for collector in ("there", "hanging"):
        same(alone, gated(plugin=True, collector=collector), code)


@together
@pytest.mark.parametrize("collector", ["there", "hanging"])
def test_sigterm_while_the_main_thread_waits_for_a_query(
    twins: Twins, collectors: dict[str, str], collector: str
) -> None:
    def during(run: Run) -> None:
        run.says("from range(300000)")
        time.sleep(0.5)
        run.signal(signal.SIGTERM)

    told = twins.once(["run-operation", "long"], plugin=True, env=to(collectors[collector]), during=during)
    assert told.code == -15
    assert told.lasted_s < DELAY_S + NOISE_S
