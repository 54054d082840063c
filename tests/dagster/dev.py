"""`dagster dev` as a user starts it: web server, daemon, code server and the workers of runs, asked by GraphQL.

with Dev(project, bridge) as dev:
    run_id = dev.launch("shop")
    assert dev.ended(run_id) == "SUCCESS"
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from otel_bridge.testing import BridgeProcess
from tests.dagster.running import EXECUTORS, Project

READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 100.0
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
REEXECUTE = """
mutation Again($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
TERMINATE = "mutation Terminate($id: String!) { terminateRun(runId: $id) { __typename } }"
STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }"
RUNS = "query Runs($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { ... on Runs { results { runId status } } } }"


@dataclass(slots=True)
class Dev:
    """A running `dagster dev`; its output is in `log`."""

    project: Project
    bridge: BridgeProcess
    env: Mapping[str, str] = field(default_factory=dict)
    _port: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What all its processes print."""
        return self.project.folder.with_name("dev.log")

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        bin_ = self.project.python.parent
        words = [
            bin_ / "opentelemetry-instrument",
            bin_ / "dagster",
            "dev",
            "-h",
            "127.0.0.1",
            "-p",
            str(self._port),
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in words],
                cwd=self.project.folder,
                env=self.project.environment(self.bridge) | dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(self._answers, "answers", READY_WITHIN_S)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(45)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def launch(self, job: str, executor: str = "spawn", **tags: str) -> str:
        """Launch a run: its id."""
        params = {
            "selector": self._repository | {"jobName": job},
            "runConfigData": {"execution": {"config": EXECUTORS[executor]}},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        return str(self.ask(LAUNCH, params=params)["launchRun"]["run"]["runId"])

    def again(self, run_id: str) -> str:
        """Execute what failed in a run again: the id of the new run."""
        params = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return str(self.ask(REEXECUTE, params=params)["launchRunReexecution"]["run"]["runId"])

    def backfill(self, asset: str, *keys: str) -> str:
        """Launch a backfill: its id."""
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": [*keys]}
        return str(self.ask(BACKFILL, params=params)["launchPartitionBackfill"]["backfillId"])

    def backfilled(self, backfill: str, count: int) -> set[str]:
        """Ids of the runs of a backfill, once so many have ended."""

        def ended() -> bool:
            return len(runs()) == count and all(run["status"] in ENDED for run in runs())

        def runs() -> list[dict[str, str]]:
            found = self.ask(RUNS, tags=[{"key": "dagster/backfill", "value": backfill}])
            return list(found["runsOrError"]["results"])

        self._wait(ended, f"has ended the {count} runs of backfill {backfill}")
        return {run["runId"] for run in runs()}

    def terminate(self, run_id: str) -> None:
        """Ask for the end of a run."""
        self.ask(TERMINATE, id=run_id)

    def ended(self, run_id: str) -> str:
        """Its status, once it has ended."""
        self._wait(lambda: self.run(run_id)["status"] in ENDED, f"has ended run {run_id}")
        return str(self.run(run_id)["status"])

    def tags(self, run_id: str) -> dict[str, str]:
        """Of a run."""
        return {tag["key"]: tag["value"] for tag in self.run(run_id)["tags"]}

    def run(self, run_id: str) -> dict[str, Any]:
        """Status and tags of a run."""
        found: dict[str, Any] = self.ask(STATUS, id=run_id)["runOrError"]
        return found

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers; AssertionError if it says that something is wrong."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.loads(answer.read())
        assert "errors" not in found, found["errors"]
        data: dict[str, Any] = found["data"]
        return data

    @property
    def _repository(self) -> dict[str, str]:
        return {"repositoryLocationName": "everything", "repositoryName": "__repository__"}

    def _answers(self) -> bool:
        try:
            found = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        except (urllib.error.URLError, OSError, AssertionError):
            return False
        return bool(found["repositoriesOrError"].get("nodes"))

    def _wait(self, condition: Callable[[], bool], what: str, within_s: float = ENDS_WITHIN_S) -> None:
        end = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end, f"Dagster never {what}; its log:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.3)
