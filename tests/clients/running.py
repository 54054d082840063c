"""A pipeline as a process, before an OTLP endpoint."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.parts.clients import WITH_LINEAGE
from tests.parts.required import require

PIPELINES = Path(__file__).with_name("pipelines.py")


def run(name: str, endpoint: str, folder: Path, env: Mapping[str, str]) -> None:
    """Run it to its end."""
    python = require("clients") / "bin/python"
    said = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_LINEAGE_SPOOL_DIR": str(folder / "spool"),
        **WITH_LINEAGE,
    }
    done = subprocess.run(
        [python, PIPELINES, name],
        env={**os.environ, **said, **env},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
