"""Spans of others through a real bridge: what its receiving process keeps, and what comes out at the far end."""

import http.client
from contextlib import closing
from pathlib import Path

import yaml

from otel_bridge.testing import BridgeProcess

GOLDEN = Path(__file__).parents[1] / "golden"


def post(bridge: BridgeProcess, case: str) -> None:
    """The recorded requests, each twice, as an exporter that lost the answer repeats them."""
    for line in (GOLDEN / case / "input.jsonl").read_bytes().splitlines():
        for _ in range(2):
            with closing(
                http.client.HTTPConnection(bridge.http_url.removeprefix("http://"), timeout=10)
            ) as connection:
                connection.request("POST", "/v1/traces", line, {"Content-Type": "application/json"})
                assert connection.getresponse().status == 200


def test_attempts_retried_tasks_and_mappings(tmp_path: Path) -> None:
    mapped = yaml.safe_load((GOLDEN / "mapped/own_tool/config.yaml").read_text())
    with BridgeProcess(tmp_path, settings=mapped | {"runs": {"parent_wait": "0.2s"}}) as bridge:
        for case in ("airflow/dag_with_retry_and_mapped_task", "mapped/own_tool", "prefect/failing_flow"):
            post(bridge, case)
        events = bridge.wait_for_events(26)
    ends = sorted(
        (event["job"]["name"], event["eventType"]) for event in events if event["eventType"] != "START"
    )
    assert ends == [
        ("broken", "FAIL"),
        ("d123589d-6828-4d4a-a807-2a3d9c930f58", "FAIL"),
        ("orders-to-lake", "COMPLETE"),
        ("orders-to-lake", "COMPLETE"),
        ("orders-to-lake", "FAIL"),
        ("orders-to-lake", "FAIL"),
        ("shop", "FAIL"),
        ("shop.broken", "FAIL"),
        ("shop.extract", "COMPLETE"),
        ("shop.extract", "FAIL"),
        ("shop.load", "COMPLETE"),
        ("shop.load", "COMPLETE"),
        ("shop.skipped", "COMPLETE"),
    ]
