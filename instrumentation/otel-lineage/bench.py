"""What a run costs the program: `python bench.py`. Prints one JSON line a case, microseconds a run.

Each case is a process of its own with a Collector on loopback (in a thread of this one), or none.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RUNS = 3000
PROGRAM = """
import json, time, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
import otel_lineage
SCHEMA = [{"name": f"column_{n}", "type": "bigint"} for n in range(10)]
def ours():
    with otel_lineage.lineage_run("model", inputs=["postgres://db:5432|shop.orders"]) as run:
        run.add_output("postgres://db:5432", "shop.public.daily", schema=SCHEMA, row_count=3)
provider = TracerProvider(shutdown_on_exit=False)
tracer = provider.get_tracer("bare")
def bare():
    with tracer.start_as_current_span("model", attributes={"a": "b"}): pass
def measure(case, count):
    wall, cpu = [], time.thread_time()
    for _ in range(count):
        begin = time.perf_counter(); case(); wall.append(time.perf_counter() - begin)
    cpu = (time.thread_time() - cpu) / count
    wall.sort()
    us = lambda seconds: round(seconds * 1e6)
    return {"median": us(wall[count // 2]), "p99": us(wall[count * 99 // 100]), "cpu_mean": us(cpu)}
begin = time.perf_counter(); ours(); first = round((time.perf_counter() - begin) * 1e6)
if sys.argv[1] == "bare": result = measure(bare, RUNS)
elif sys.argv[1] == "outermost": result = measure(ours, RUNS // 10)
else:
    with otel_lineage.lineage_run("outer"): result = measure(ours, RUNS)
print(json.dumps({**result, "first": first}))
""".replace("RUNS", str(RUNS))


class Sink(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read and acknowledge."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def run(name: str, case: str, endpoint: str, **more: str) -> None:
    """Run one case and print it."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "OTEL_LINEAGE_ENDPOINT": endpoint, "OTEL_LINEAGE_SPOOL_DIR": folder, **more}
        out = subprocess.run(
            [sys.executable, "-c", PROGRAM, case], env=env, capture_output=True, text=True, check=True
        ).stdout
    sys.stdout.write(json.dumps({"case": name, **json.loads(out)}) + "\n")


def main() -> None:
    """All cases."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    nowhere = "http://127.0.0.1:9"
    run("a bare SDK span, nothing exported", "bare", here)
    run("run inside a run, Collector answers", "nested", here)
    run("run inside a run, Collector absent", "nested", nowhere)
    run("run inside a run, without a spool", "nested", here, OTEL_LINEAGE_SPOOL_DIR="none")
    run("outermost run, Collector answers", "outermost", here)
    run("outermost run, Collector absent", "outermost", nowhere)
    run("outermost run, OTEL_LINEAGE_FLUSH_TIMEOUT=0", "outermost", here, OTEL_LINEAGE_FLUSH_TIMEOUT="0")


if __name__ == "__main__":
    main()
