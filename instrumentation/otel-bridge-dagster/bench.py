"""What telling a step costs: `python bench.py [ASSETS] [RUNS]` in an environment with Dagster and this package.

A job of so many assets with 20 columns each runs in this process, against a Collector that answers at once. Measured
is the CPU time of the thread that executes the steps: within our hooks, a step (the median, and of the slowest 5 %),
and of whole runs, told and not told by turns.
"""

import functools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collector(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read and say yes."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing."""


class Meter:
    """CPU time of this thread inside the hooks, by step."""

    def __init__(self) -> None:
        self.of_step: dict[str, float] = defaultdict(float)
        self._depth = 0
        self.step = ""

    def watch(self, owner: Any, name: str, step_of: Callable[..., str] | None = None) -> None:
        """Count what this function costs, for the step that the arguments tell, or the last one."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def measured(*args: Any, **kwargs: Any) -> Any:
            if step_of is not None:
                self.step = step_of(*args)
            if self._depth:
                return original(*args, **kwargs)
            self._depth, begun = 1, time.thread_time()
            try:
                return original(*args, **kwargs)
            finally:
                self.of_step[self.step] += time.thread_time() - begun
                self._depth = 0

        setattr(owner, name, staticmethod(measured) if isinstance(owner, type) and step_of else measured)


@contextmanager
def collector() -> Iterator[str]:
    """A Collector on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def watch_hooks(meter: Meter) -> None:
    """Everything of ours that a step runs through."""
    from otel_bridge_dagster import logs, runs, steps

    begin = steps.StepSpan.begin
    steps.StepSpan.begin = staticmethod(begin)  # type: ignore[method-assign]
    meter.watch(steps.StepSpan, "begin", lambda context: f"{context.run_id} {context.step.key}")
    for name in ("event", "end"):
        meter.watch(steps.StepSpan, name)
    meter.watch(runs.RunSpan, "event")
    for name in ("_loaded", "_stored", "_found"):
        meter.watch(steps, name)
    meter.watch(logs, "_mark")


def job_of(count: int) -> Any:
    """A chain of assets with a schema each."""
    import dagster as dg

    columns = [dg.TableColumn(f"column_{n}", "VARCHAR", description="a column") for n in range(20)]
    schema = dg.MetadataValue.table_schema(dg.TableSchema(columns))

    def asset(number: int) -> Any:
        deps = [f"asset_{number - 1}"] if number else []

        @dg.asset(name=f"asset_{number}", deps=deps, owners=["team:data"], kinds={"python"})
        def made() -> Any:
            return dg.MaterializeResult(metadata={"dagster/column_schema": schema, "dagster/row_count": 3})

        return made

    assets = [asset(number) for number in range(count)]
    return dg.Definitions(assets=assets, jobs=[dg.define_asset_job("bench", selection="*")])


def cpu_of(job: Any, *, told: bool) -> float:
    """Of one run, in this thread."""
    os.environ["OTEL_BRIDGE_DAGSTER_DISABLED"] = "" if told else "1"
    begun = time.thread_time()
    assert job.execute_in_process().success
    return time.thread_time() - begun


def main() -> None:
    """Measure and print."""
    count, runs = (int(argument) for argument in (sys.argv[1:] + ["50", "6"][len(sys.argv) - 1 :]))
    with collector() as url, tempfile.TemporaryDirectory() as spool:
        os.environ |= {"OTEL_LINEAGE_ENDPOINT": url, "OTEL_LINEAGE_SPOOL_DIR": spool}
        os.environ |= {"OTEL_LINEAGE_PROTOCOL": "http/protobuf", "DAGSTER_DISABLE_TELEMETRY": "1"}
        import logging

        import otel_bridge_dagster

        otel_bridge_dagster.instrument()
        logging.getLogger("dagster").setLevel(logging.ERROR)
        definitions = job_of(count)
        resolve = getattr(definitions, "resolve_job_def", definitions.get_job_def)
        job = resolve("bench")
        cpu_of(job, told=True)
        meter = Meter()
        watch_hooks(meter)
        pairs = [(cpu_of(job, told=True), cpu_of(job, told=False)) for _ in range(runs)]
    per_step = sorted(meter.of_step.values())[-count * runs :]
    within, slow = statistics.median(per_step), per_step[int(len(per_step) * 0.95)]
    told, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{len(per_step)} steps: median {within * 1e3:.2f} ms within hooks, 95 % below {slow * 1e3:.2f} ms")
    print(
        f"{count} assets: {told:.2f} s told, {plain:.2f} s not told, {(told - plain) / count * 1e3:.2f} ms a step"
    )


if __name__ == "__main__":
    main()
