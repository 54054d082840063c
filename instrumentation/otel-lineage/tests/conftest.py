import os
import signal
import subprocess
import sys
import textwrap

import pytest
from lineage_collector import GrpcCollector, HttpCollector


@pytest.fixture
def http_collector():
    collector = HttpCollector()
    yield collector
    collector.close()


@pytest.fixture
def grpc_collector():
    collector = GrpcCollector()
    yield collector
    collector.close()


@pytest.fixture(params=["http/protobuf", "grpc"])
def collector(request):
    collector = HttpCollector() if request.param == "http/protobuf" else GrpcCollector()
    yield collector
    collector.close()


class Programs:
    """Starts real Python processes that use the package."""

    def __init__(self, folder):
        self.folder = folder
        self.spool = folder / "spool"
        self.count = 0

    def env(self, collector, **more):
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("OTEL_", "OPENLINEAGE_", "TRACE"))
        }
        env = {**kept, "OTEL_LINEAGE_SPOOL_DIR": str(self.spool), "PYTHONDONTWRITEBYTECODE": "1"}
        env["PYTHONFAULTHANDLER"] = "1"
        if collector is not None:
            env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
            env["OTEL_EXPORTER_OTLP_PROTOCOL"] = collector.protocol
        return {**env, **more}

    def start(self, code, collector, *, launcher=(), stdin=None, **more):
        self.count += 1
        script = self.folder / f"program{self.count}.py"
        script.write_text(textwrap.dedent(code))
        return subprocess.Popen(
            [*launcher, sys.executable, str(script)],
            env=self.env(collector, **more),
            cwd=self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, process):
        """Wait for its output. One that hangs is ended, with all that it forked, and shows its stacks."""
        try:
            return process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)
            out, err = process.communicate(timeout=10)
            pytest.fail(f"the program hangs\n{out}\n{err}")

    def run(self, code, collector, *, code_expected=0, **more):
        process = self.start(code, collector, **more)
        out, err = self.end(process)
        assert process.returncode == code_expected, (process.returncode, out, err)
        return out, err

    def spooled(self):
        """Files with waiting records."""
        return (
            [path for path in self.spool.glob("*.otlp") if path.stat().st_size > 16]
            if self.spool.exists()
            else []
        )


@pytest.fixture
def programs(tmp_path):
    return Programs(tmp_path)
