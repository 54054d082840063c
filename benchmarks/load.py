"""The load generator, in a process of its own: a bounded number of requests over HTTP/1.1 or gRPC.

    with Generator() as generator:
        job = Job(protocol="http", target="127.0.0.1:4318", bodies="plain.msgpack", requests=500)
        result = generator.run(job)

Without a rate each connection sends its next request when the last is answered. With a rate, requests are due
at fixed times, and a request that had to wait for a connection counts its wait. Requests that are refused
retryably are sent again until they are taken.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Literal, Self

import msgspec
import uvloop

from benchmarks.payloads import Body, load

ROOT = Path(__file__).parents[1]
RETRIED = frozenset({"429", "502", "503", "504", "UNAVAILABLE", "RESOURCE_EXHAUSTED"})
PAUSE_S = 0.05
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


Protocol = Literal["http", "grpc"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where; `first` numbers the requests, so that later jobs make other trace ids."""

    protocol: Protocol
    target: str
    bodies: str
    requests: int
    connections: int = 4
    rate: float = 0
    first: int = 0


class Result(msgspec.Struct, kw_only=True):
    """What happened. `remarks` counts answers that were not empty, such as a partial success."""

    spans: int = 0
    lineage: int = 0
    seconds: float = 0
    retries: int = 0
    remarks: int = 0
    latencies_ms: list[float] = msgspec.field(default_factory=list)
    failures: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, body: Body, status: str, answer: bytes, took_s: float) -> None:
        """Count one finished request."""
        self.latencies_ms.append(took_s * 1000)
        if status in {"200", "OK"}:
            self.spans += body.spans
            self.lineage += body.lineage
            self.remarks += bool(answer)
        else:
            self.failures[status] = self.failures.get(status, 0) + 1


class Generator:
    """The process that sends; one for a whole run."""

    def __enter__(self) -> Self:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait()

    def run(self, job: Job) -> Result:
        """Do a job; RuntimeError if a request was refused for good."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(msgspec.json.encode(job) + b"\n")
        pipe.flush()
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError("the load generator ended; its traceback is above")
        result = msgspec.json.decode(line, type=Result)
        if result.failures:
            raise RuntimeError(
                f"requests to {job.target} were refused for good: {result.failures}; see its log"
            )
        return result

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


async def send_http(job: Job, bodies: list[Body]) -> Result:
    """Keep-alive HTTP/1.1 connections, each with one request at a time."""
    result, numbers = Result(), iter(range(job.requests))
    started = time.perf_counter()
    lines = (_connection(job, bodies, numbers, started, result) for _ in range(job.connections))
    await asyncio.gather(*lines)
    result.seconds = time.perf_counter() - started
    return result


async def _connection(
    job: Job, bodies: list[Body], numbers: Iterator[int], started: float, result: Result
) -> None:
    host, port = job.target.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    for number in numbers:
        body = bodies[(job.first + number) % len(bodies)]
        head, content = _head(job.target, body), body.fresh(job.first + number)
        since = await _due(started + number / job.rate) if job.rate else time.perf_counter()
        while True:
            writer.write(head)
            writer.write(content)
            status, answer = await _answer(reader)
            if status not in RETRIED:
                break
            result.retries += 1
            await asyncio.sleep(PAUSE_S)
        result.add(body, status, answer, time.perf_counter() - since)
    writer.close()


async def _due(moment: float) -> float:
    """Wait for the moment. Being late counts from the moment; a timer that oversleeps does not."""
    now = time.perf_counter()
    if now >= moment:
        return moment
    await asyncio.sleep(moment - now)
    return time.perf_counter()


def _head(host: str, body: Body) -> bytes:
    encoding = "Content-Encoding: gzip\r\n" if body.gzip else ""
    return (
        f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-protobuf\r\n"
        f"{encoding}Content-Length: {len(body.content)}\r\n\r\n"
    ).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, found, length = head.partition("content-length:")
    body = await reader.readexactly(int(length.split("\r\n", 1)[0])) if found else b""
    return head.split(" ", 2)[1], body


def send_grpc(job: Job, bodies: list[Body]) -> Result:
    """One channel, and as many calls under way as there are connections in the job."""
    result, numbers = Result(), iter(range(job.requests))
    import grpc  # large; jobs over HTTP do without

    with grpc.insecure_channel(job.target, [("grpc.max_send_message_length", -1)]) as channel:
        export = channel.unary_unary(EXPORT, request_serializer=None, response_deserializer=None)

        def caller(_: int) -> None:
            for number in numbers:
                body = bodies[(job.first + number) % len(bodies)]
                content, since = body.fresh(job.first + number), time.perf_counter()
                while (answered := _called(grpc, export, content))[0] in RETRIED:
                    result.retries += 1
                    time.sleep(PAUSE_S)
                result.add(body, *answered, time.perf_counter() - since)

        started = time.perf_counter()
        with ThreadPoolExecutor(job.connections) as threads:
            list(threads.map(caller, range(job.connections)))
        result.seconds = time.perf_counter() - started
    return result


def _called(grpc: Any, export: Any, content: bytes) -> tuple[str, bytes]:
    try:
        return "OK", export(content, timeout=60)
    except grpc.RpcError as error:
        return error.code().name, b""


def main() -> None:
    """Jobs as JSON lines on stdin, results as JSON lines on stdout."""
    known: dict[str, list[Body]] = {}
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        if job.bodies not in known:
            known = {job.bodies: load(job.bodies)}
        bodies = known[job.bodies]
        result = send_grpc(job, bodies) if job.protocol == "grpc" else uvloop.run(send_http(job, bodies))
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
