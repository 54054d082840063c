"""A real bridge for tests: its own process, its own ports, its own data directory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from otel_bridge.service.asking import ask
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Api
from otel_bridge.testing.events import Events

START_WITHIN_S = 30.0


class BridgeProcess:
    """`otel-bridge serve` on free loopback ports.

    Args:
        directory: where its data, configuration and log go.
        destinations: as in the configuration file; without any, events go to `<directory>/events.ndjson`.
        settings: further configuration, as in the file.
        env: further environment variables.

    Use it as a context manager, or call `start` and `stop`. After `kill` a `start` takes the same ports.
    """

    def __init__(
        self,
        directory: Path,
        destinations: list[dict[str, Any]] | None = None,
        settings: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.events_file = directory / "events.ndjson"
        self.log_file = directory / "bridge.log"
        archive = {"name": "archive", "type": "file", "path": str(self.events_file)}
        self._destinations = [archive] if destinations is None else destinations
        self._settings = settings or {}
        self._env = env or {}
        self._api = _configured_api(self._settings, self._env)
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoints = Endpoints(grpc="127.0.0.1:0", http="127.0.0.1:0", api="127.0.0.1:0", pid=0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def http_url(self) -> str:
        """Base URL for OTLP/HTTP exporters."""
        return f"http://{self.endpoints.http}"

    @property
    def api_url(self) -> str:
        """Base URL of health, metrics and facet schemas."""
        return f"{'https' if self._api.tls else 'http'}://{self.endpoints.api}"

    @property
    def pid(self) -> int:
        """Of the receiving process, the parent of the others."""
        assert self._process, "the bridge is not running"
        return self._process.pid

    def program_env(self) -> dict[str, str]:
        """This process's environment with what makes OpenTelemetry SDKs and otel-lineage send to this bridge."""
        return os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.http_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_LINEAGE_SPOOL_DIR": str(self.directory / "spool"),
        }

    def start(self) -> Self:
        """Start it and wait until it listens; AssertionError with its log if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "bridge.json"
        config.write_text(json.dumps(self._tree()))
        ready = Endpoints.file(str(self.data_dir))
        ready.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "otel_bridge", "serve", "--config", str(config)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.directory, env=self._environment(),
            )  # fmt: skip
        self.wait(lambda: self._listening(ready), "listens", START_WITHIN_S)
        return self

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM, and its exit code; -9 if it had to be killed."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL
        finally:
            self._process = None

    def kill(self) -> None:
        """SIGKILL of the receiving process; its children end by themselves."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def health(self) -> dict[str, Any]:
        """The body of /health, whatever its status."""
        result: dict[str, Any] = json.loads(ask(f"{self.api_url}/health", self._api).body)
        return result

    def events(self) -> Events:
        """What the file destination has by now."""
        written = self.events_file.read_bytes() if self.events_file.exists() else b""
        return Events.from_ndjson(
            written[: written.rfind(b"\n") + 1]
        )  # the last line may still be on its way

    def wait_for_events(self, count: int, within_s: float = 20.0) -> Events:
        """Wait for at least `count` events in the file destination."""
        self.wait(lambda: len(self.events()) >= count, f"has {count} events", within_s)
        return self.events()

    def wait(self, condition: Any, what: str, within_s: float = 20.0) -> None:
        """Poll until `condition()`; AssertionError with the log's end otherwise."""
        end = time.monotonic() + within_s
        while not condition():
            ended = self._process is not None and self._process.poll() is not None
            assert not ended, f"the bridge ended before it {what}:\n{self.log()}"
            assert time.monotonic() < end, f"the bridge never {what}:\n{self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        """The end of what it wrote."""
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    def _tree(self) -> dict[str, Any]:
        receive = {
            door: {"endpoint": getattr(self.endpoints, door) or "127.0.0.1:0"} for door in ("grpc", "http")
        }
        base: dict[str, Any] = {
            "data_dir": str(self.data_dir),
            "receive": receive,
            "api": {"endpoint": self.endpoints.api},
            "destinations": self._destinations,
        }
        return _merged(base, self._settings)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OPENLINEAGE"))}
        return kept | self._env

    def _listening(self, file: Path) -> bool:
        try:
            self.endpoints = msgspec.json.decode(file.read_bytes(), type=Endpoints)
        except (OSError, msgspec.DecodeError):
            return False
        return True


def _configured_api(settings: dict[str, Any], env: dict[str, str]) -> Api:
    """With the keys and the TLS that `health` needs."""
    branch = settings.get("api", {})
    if not branch.get("keys") and not branch.get("tls"):
        return Api()
    from otel_bridge.config import load

    tree = {"api": {key: value for key, value in branch.items() if key in {"keys", "tls"}}}
    return load(
        flags=[f"{path}={json.dumps(value)}" for path, value in tree.items()], environ=os.environ | env
    ).api


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        k: _merged(base[k], v) if isinstance(v, dict) and isinstance(base.get(k), dict) else v
        for k, v in over.items()
    }
    return base | both
