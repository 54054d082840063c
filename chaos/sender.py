"""The sender, in a process of its own: it repeats as the Collector does, and writes the ledger.

    python -m chaos.sender PLAN LEDGER HTTP GRPC

stdin has one number a line: so many requests may be started. The ledger has one JSON line for each attempt that
ended (`Line`): what was answered, and when. `acked` is what the bridge owes us from then on.
"""

import http.client
import queue
import socket
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from chaos.plan import Plan, Sending

WORKERS = 4
TIMEOUT_S = 10
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
RETRIED_HTTP = frozenset({429, 502, 503, 504})
RETRIED_GRPC = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
EXPORT = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

Outcome = Literal["acked", "cut", "retry", "refused"]


class Line(msgspec.Struct, frozen=True):
    """One attempt of one request: when it `began`, and when it was answered; the monotonic clock is all processes'."""

    number: int
    outcome: Outcome
    answer: str
    began: float
    at: float

    @property
    def last(self) -> bool:
        """Whether the request is not sent again."""
        return self.outcome != "retry"


class Answered(msgspec.Struct, frozen=True):
    """What became of an attempt, and how long the bridge asked to wait."""

    outcome: Outcome
    answer: str
    after_s: float = 0


class Ledger:
    """The file of lines; each is there for readers once written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def write(self, number: int, answered: Answered, began: float) -> None:
        """Add a line."""
        line = Line(number, answered.outcome, answered.answer, began, time.monotonic())
        with self._lock:
            self._file.write(msgspec.json.encode(line) + b"\n")


class Sender:
    """Some threads that send the plan's requests in order, each until it is answered for good."""

    def __init__(self, plan: Plan, ledger: Ledger, http_target: str, grpc_target: str) -> None:
        self._plan = plan
        self._ledger = ledger
        self._http = http_target
        self._export = _exports(grpc_target) if grpc_target else {}
        self._waiting: queue.Queue[Sending | None] = queue.Queue()
        self._allowed = threading.Semaphore(0)

    def run(self) -> None:
        """Send everything; returns when all is answered."""
        threading.Thread(target=self._listen, daemon=True).start()
        workers = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for sending in self._plan.sendings:
            self._allowed.acquire()
            self._waiting.put(sending)
        for _ in workers:
            self._waiting.put(None)
        for worker in workers:
            worker.join()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._allowed.release(int(line))

    def _work(self) -> None:
        while sending := self._waiting.get():
            pause_s = FIRST_PAUSE_S
            while True:
                began = time.monotonic()
                answered = self._attempt(sending)
                self._ledger.write(sending.number, answered, began)
                if answered.outcome != "retry":
                    break
                time.sleep(max(pause_s, answered.after_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _attempt(self, sending: Sending) -> Answered:
        if sending.cut:
            return _hang_up(self._http, sending)
        if sending.protocol == "grpc":
            return _call(self._export[sending.signal], sending.body)
        try:
            return _post(self._http, sending)
        except (OSError, http.client.HTTPException) as error:
            return Answered("retry", type(error).__name__)


def _post(target: str, sending: Sending) -> Answered:
    headers = {"Content-Type": "application/x-protobuf"}
    with closing(http.client.HTTPConnection(target, timeout=TIMEOUT_S)) as connection:
        connection.request("POST", f"/v1/{sending.signal}", sending.body, headers)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status == 200:
        return _taken("200", content)
    if answer.status in RETRIED_HTTP:
        return Answered("retry", str(answer.status), float(answer.headers.get("Retry-After") or 0))
    return Answered("refused", f"{answer.status} {content[:200]!r}")


def _hang_up(target: str, sending: Sending) -> Answered:
    """Send all of it and close the connection at once."""
    host, _, port = target.rpartition(":")
    head = (
        f"POST /v1/{sending.signal} HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/x-protobuf\r\n"
        f"Content-Length: {len(sending.body)}\r\n\r\n"
    )
    try:
        with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
            connection.sendall(head.encode() + sending.body)
    except OSError as error:
        return Answered("cut", type(error).__name__)
    return Answered("cut", "hung up")


def _exports(target: str) -> dict[str, Any]:
    import grpc  # large; a plan over HTTP does without

    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    channel = grpc.insecure_channel(target, options)
    return {
        signal: channel.unary_unary(path, request_serializer=None, response_deserializer=None)
        for signal, path in EXPORT.items()
    }


def _call(export: Any, body: bytes) -> Answered:
    import grpc

    try:
        content = export(body, timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        name, pushed = error.code().name, "retryinfo" in str(error.trailing_metadata() or "").lower()
        if name in RETRIED_GRPC or (name == "RESOURCE_EXHAUSTED" and pushed):
            return Answered("retry", name)
        return Answered("refused", f"{name} {error.details()!r}")
    return _taken("OK", content)


def _taken(answer: str, content: bytes) -> Answered:
    """A partial success is a refusal. Traces and logs answer alike; the Collector sets an empty one."""
    partial = ExportTraceServiceResponse.FromString(content).partial_success
    if partial.rejected_spans or partial.error_message:
        return Answered("refused", f"partial success: {partial.rejected_spans} {partial.error_message}")
    return Answered("acked", answer)


def read_ledger(content: bytes) -> list[Line]:
    """The whole lines of a ledger, also one that is being written."""
    return msgspec.json.Decoder(Line).decode_lines(content[: content.rfind(b"\n") + 1])


def main() -> None:
    """Send a plan."""
    plan_file, ledger_file, http_target, grpc_target = sys.argv[1:5]
    plan = msgspec.msgpack.decode(Path(plan_file).read_bytes(), type=Plan)
    Sender(plan, Ledger(Path(ledger_file)), http_target, grpc_target).run()


if __name__ == "__main__":
    main()
