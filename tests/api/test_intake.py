"""Events through the API: passed on to a real door of the receiving process, and its answers back."""

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.api import connection
from otel_bridge.api.intake import RETRY_AFTER_S
from otel_bridge.model import Unavailable
from otel_bridge.receive.doors import open_intake
from otel_bridge.settings import ApiKey, Duration, Receive, Secret
from tests.api.test_api import Running
from tests.openlineage.foreign_events import PRODUCERS, body, lines
from tests.receive.serving import Served, receive, serving

LIMIT = 200_000
KEYS = (
    ApiKey(name="spark", key=Secret("s" * 32), roles=("write",)),
    ApiKey(name="grafana", key=Secret("g" * 32), roles=("read",)),
)


def post(
    api: Running, content: Any, path: str = "/api/v1/lineage", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    host, _, port = api.url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    given = {"Content-Type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
    try:
        connection.request("POST", path, content, given)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def error(answer: tuple[int, http.client.HTTPMessage, bytes]) -> str:
    assert answer[1]["Content-Type"] == "application/json"
    said: str = json.loads(answer[2])["error"]
    return said


def started(directory: Path, limits: Receive, keys: tuple[ApiKey, ...] = ()) -> Running:
    running = Running(directory)
    api = replace(running._settings.api, keys=keys)
    running._settings = replace(running._settings, receive=limits, api=api)
    return running


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(receive(max_request=LIMIT)) as doors:
        yield doors


@pytest.fixture
def api(served: Served, tmp_path: Path) -> Iterator[Running]:
    """The API, which knows where the receiving process takes events."""
    limits = receive(max_request=LIMIT)
    intake = served.run(open_intake(served.receiver, limits))
    with started(tmp_path, limits) as running:
        running.status.update({"accepting": True, "intake": intake.address})
        yield running
    served.run(intake.stop(1.0))


@pytest.mark.parametrize("producer", PRODUCERS)
def test_bytes_arrive_as_they_were_sent(api: Running, served: Served, producer: str) -> None:
    sent = lines(producer)
    for line in sent:
        assert post(api, line)[::2] == (201, b"")
    packed = gzip.compress(b"[" + b",".join(sent) + b"]")
    assert post(api, packed, "/api/v1/lineage/batch", Content_Encoding="gzip")[::2] == (204, b"")
    assert [row.payload for row in served.journal.rows] == sent + sent


def test_chunked_as_the_java_client_sends_when_it_compresses(api: Running, served: Served) -> None:
    packed = gzip.compress(body())
    chunks = iter([packed[:10], packed[10:]])
    headers = {"Content_Type": "application/json; charset=UTF-8", "Content_Encoding": "gzip"}
    assert post(api, chunks, **headers)[0] == 201
    assert served.journal.rows[0].payload == body()


def test_answers_come_back_whole(api: Running) -> None:
    answer = post(api, b"[" + b"{}," * 2000 + b"{}]", "/api/v1/lineage/batch")
    assert answer[0] == 200
    failed = json.loads(answer[2])["failed_events"]
    assert [each["index"] for each in failed] == list(range(2001))


def test_refusals_come_back(api: Running) -> None:
    assert "no JSON" in error(post(api, b"{"))
    assert post(api, b"{")[0] == 400
    assert (post(api, b"{}")[0], "no run" in error(post(api, b"{}"))) == (422, True)
    assert post(api, body(), Content_Type="text/plain")[0] == 415
    assert post(api, body(), Content_Encoding="br")[0] == 415


def test_until_the_receiving_process_is_known_senders_come_again(tmp_path: Path) -> None:
    with started(tmp_path, receive()) as running:
        running.status.update({"accepting": True})
        answer = post(running, body())
    assert (answer[0], answer[1]["Retry-After"]) == (503, str(RETRY_AFTER_S))
    assert "repeat the request" in error(answer)


def test_when_it_is_gone_senders_come_again_and_later_succeed(api: Running, served: Served) -> None:
    gone = served.run(open_intake(served.receiver, receive()))
    served.run(gone.stop(0))
    known = api.status.intake
    assert known
    api.status.update({"accepting": True, "intake": gone.address})
    answer = post(api, body())
    assert (answer[0], answer[1]["Retry-After"]) == (503, str(RETRY_AFTER_S))
    api.status.update({"accepting": True, "intake": {"endpoint": known[0], "token": "of an earlier start"}})
    assert post(api, body())[0] == 503
    api.status.update({"accepting": True, "intake": dict(zip(("endpoint", "token"), known, strict=True))})
    assert post(api, body())[0] == 201
    assert len(served.journal.rows) == 1


def test_too_many_connections_are_told_to_come_again(tmp_path: Path) -> None:
    with started(tmp_path, receive(max_connections=2)) as running, contextlib.ExitStack() as stack:
        host, _, port = running.url.removeprefix("http://").rpartition(":")
        for _ in range(2):
            useful = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            useful.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert useful.recv(12) == b"HTTP/1.1 503"
        answer = post(running, body())
        assert (answer[0], answer[1]["Retry-After"], answer[1]["Connection"]) == (503, "5", "close")
        assert "too many connections" in error(answer)


def test_connections_that_nothing_comes_of_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNUSED_S", 0.05)
    with started(tmp_path, receive(max_connections=2)) as running, contextlib.ExitStack() as stack:
        host, _, port = running.url.removeprefix("http://").rpartition(":")
        silent = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in range(2)
        ]
        time.sleep(0.05)
        assert "too many connections" not in error(post(running, body()))
        assert silent[0].recv(1) == b""


def test_an_answer_that_takes_long_is_no_fault_of_the_sender(served: Served, tmp_path: Path) -> None:
    limits = receive(max_request=LIMIT, idle_timeout=Duration(0.2))
    intake = served.run(open_intake(served.receiver, receive(max_request=LIMIT)))
    served.journal.hold = True
    release = threading.Timer(0.5, setattr, (served.journal, "hold", False))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: served.run(intake.stop(1.0)))
        running = stack.enter_context(started(tmp_path, limits))
        running.status.update({"accepting": True, "intake": intake.address})
        release.start()
        stack.callback(release.join)
        assert post(running, body())[0] == 201


def test_trouble_with_the_journal_comes_back(api: Running, served: Served) -> None:
    served.journal.trouble = Unavailable("the disk is full", 7)
    answer = post(api, body())
    assert (answer[0], answer[1]["Retry-After"]) == (503, "7")
    assert "the disk is full" in error(answer)


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_too_large_a_body_is_refused_and_the_sender_hears_it(api: Running, served: Served, size: int) -> None:
    answer = post(api, bytes(size))
    assert answer[0] == 413
    assert "receive.max_request" in error(answer)
    assert post(api, gzip.compress(bytes(size)), Content_Encoding="gzip")[0] == 413
    assert post(api, body())[0] == 201
    assert len(served.journal.rows) == 1


def test_other_methods_and_paths(api: Running) -> None:
    status, answer = api.json("/api/v1/lineage")
    assert (status, answer["error"]) == (405, "this path only takes POST; use that")
    assert api.json("/api/v1/lineage/batch/", "POST")[0] == 404
    assert api.json("/")[1]["lineage"] == f"{api.url}/api/v1/lineage"


def test_writing_needs_a_key_with_that_role(served: Served, tmp_path: Path) -> None:
    intake = served.run(open_intake(served.receiver, receive()))
    with started(tmp_path, receive(), KEYS) as running:
        running.status.update({"accepting": True, "intake": intake.address})
        statuses = {
            key: post(running, body(), Authorization=f"Bearer {key}")[0]
            for key in ("s" * 32, "g" * 32, "x" * 32)
        }
        assert post(running, body())[0] == 401
    assert list(statuses.values()) == [201, 403, 401]
    assert len(served.journal.rows) == 1
    served.run(intake.stop(1.0))
