"""Further versions of Dagster and of pyiceberg, each an environment of its own: the oldest that are supported, one in
between, and Dagster with the neighbours that the benchmark looks at.

Ours are not in them; `PYTHONPATH` brings them from the checkout, with the one-line hook that a user may put into a
`sitecustomize.py`, since there are no entry points without an installation (`WITH_HOOK`).
"""

from pathlib import Path

from tests.parts._environment import environment, on_path

HERE = Path(__file__).parent
WITH_HOOK = on_path(
    "otel-lineage", "otel-bridge-dbt", "otel-bridge-dagster", "otel-bridge-pyiceberg", str(HERE / "hook")
)
"""What makes ours part of an environment in which they are not installed."""

DAGSTER_1_8 = environment("dagster_1_8", HERE / "dagster-1.8.txt", "dagster")
DAGSTER_1_11 = environment("dagster_1_11", HERE / "dagster-1.11.txt", "dagster")
DAGSTER_PEERS = environment("dagster_peers", HERE / "dagster-peers.txt", "dagster")
PYICEBERG_0_9 = environment("pyiceberg_0_9", HERE / "pyiceberg-0.9.txt", "pyiceberg")
