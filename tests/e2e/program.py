"""A pipeline: a parent process and two child processes, one of which fails. Run it under opentelemetry-instrument."""

import subprocess
import sys

from opentelemetry import trace
from otel_lineage import child_env, lineage_run

PG = "postgres://db.example:5432"


def parent(name: str) -> None:
    with lineage_run(name):
        for step in ("load", "report"):
            with trace.get_tracer("program").start_as_current_span("plain work"):
                subprocess.run(
                    [sys.executable, __file__, name, step],
                    env=child_env(),
                    stderr=subprocess.DEVNULL,
                    check=False,
                )


def load(name: str) -> None:
    with lineage_run(f"{name}.load", inputs=[f"{PG}|shop.public.orders"]) as run:
        run.add_output({"namespace": PG, "name": f"shop.public.{name}", "row_count": 3})


def report(name: str) -> None:
    with lineage_run(f"{name}.report", inputs=[f"{PG}|shop.public.{name}"]):
        raise KeyError("country")


if len(sys.argv) == 2:
    parent(sys.argv[1])
else:
    {"load": load, "report": report}[sys.argv[2]](sys.argv[1])
