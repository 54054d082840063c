"""Hostile clients at every door of a real bridge: a neighbour is served, memory stays, and they are got rid of.

What a single odd request is answered is in test_conformance.py and test_http.py; here are the many, the slow and the
endless.
"""

import contextlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import h2.config
import h2.connection
import pytest

from otel_bridge.receive.http_message import MAX_HEAD_BYTES
from otel_bridge.testing import BridgeProcess
from tests.otlp import span, span_id, trace_id, traces

MiB = 1024**2
IDLE_S = 0.6
CONNECTIONS = 40
GROWTH = 48 * MiB
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    receive = {
        "max_connections": CONNECTIONS,
        "idle_timeout": f"{IDLE_S}s",
        "max_request": "2MiB",
        "max_in_flight": "4MiB",
    }
    with BridgeProcess(tmp_path_factory.mktemp("limits"), settings={"receive": receive}) as bridge:
        bridge.wait(lambda: bridge.health()["accepting"], "accepts")
        with Neighbours(bridge) as neighbours:
            neighbours.are_served()
        yield bridge


class Neighbours:
    """Senders that were there before, one at each door: like exporters, they try again what was refused for now."""

    def __init__(self, bridge: BridgeProcess) -> None:
        self._bridge = bridge
        self._http = http.client.HTTPConnection(bridge.endpoints.http, timeout=20)
        self._api = http.client.HTTPConnection(bridge.endpoints.api, timeout=20)
        self._grpc = grpc.insecure_channel(bridge.endpoints.grpc)

    def __enter__(self) -> "Neighbours":
        self.are_served()
        return self

    def __exit__(self, *exception: object) -> None:
        for connection in (self._http, self._api, self._grpc):
            connection.close()

    def are_served(self) -> None:
        body = traces(span(trace_id(), span_id(), job="neighbour"))
        patiently(self._http, "POST", "/v1/traces", body)
        patiently(self._api, "GET", "/health", None)
        assert self._grpc.unary_unary(TRACES)(body, timeout=20) == b""


def patiently(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> None:
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(method, path, body, {"Content-Type": "application/x-protobuf"} if body else {})
            got = connection.getresponse()
            got.read()
            if got.status == 200:
                return
            assert got.status == 503
        connection.close()
        assert time.monotonic() < end, "a neighbour is not served"
        time.sleep(0.05)


def processes(bridge: BridgeProcess) -> list[int]:
    children = Path(f"/proc/{bridge.pid}/task/{bridge.pid}/children").read_text().split()
    return [bridge.pid, *map(int, children)]


def resident(bridge: BridgeProcess) -> list[int]:
    return [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in processes(bridge)]


def sockets(bridge: BridgeProcess) -> int:
    found = 0
    for pid in processes(bridge):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                found += str(fd.readlink()).startswith("socket:")
    return found


@contextlib.contextmanager
def harmless(bridge: BridgeProcess) -> Iterator[Neighbours]:
    """Whatever is done inside: neighbours are served, memory is bounded, and nothing stays."""
    held, size, ids = sockets(bridge), resident(bridge), processes(bridge)
    with Neighbours(bridge) as neighbours:
        yield neighbours
        neighbours.are_served()
    bridge.wait(lambda: sockets(bridge) <= held, "lets go of all connections")
    assert processes(bridge) == ids
    grown = [now - before for before, now in zip(size, resident(bridge), strict=True)]
    assert max(grown) < GROWTH, grown
    with Neighbours(bridge) as newcomers:
        newcomers.are_served()


def address(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host, int(port)


def connect(endpoint: str, window: int = 0) -> socket.socket:
    one = socket.socket()
    if window:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    one.settimeout(20)
    one.connect(address(endpoint))
    return one


def ended(connection: socket.socket) -> bool:
    """Whether the other side closes it; what it says before is read."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def trickle(connections: list[socket.socket], data: bytes, until: Callable[[], bool]) -> list[socket.socket]:
    """Send byte by byte over all of them; returns those that were cut off. The data must be longer than the time."""
    left, cut = dict.fromkeys(connections), []
    for at in range(len(data)):
        for one in list(left):
            try:
                one.sendall(data[at : at + 1])
            except OSError:
                del left[one]
                cut.append(one)
        if not left or until():
            break
        time.sleep(0.05)
    return cut


DOORS = ["http", "api"]
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


BEGUN = {
    "silent": b"",
    "head": HEAD + b"X-Slow: ",
    "body": HEAD + b"Content-Length: 100000\r\n\r\n",
}


def test_slow_senders_are_cut_off_though_they_never_pause(bridge: BridgeProcess) -> None:
    end = time.monotonic() + 20
    with harmless(bridge) as neighbours, contextlib.ExitStack() as stack:
        slow: dict[tuple[str, str], list[socket.socket]] = {}
        for door, kind in itertools.product(DOORS, BEGUN):
            some = [connect(getattr(bridge.endpoints, door)) for _ in range(CONNECTIONS // 6)]
            slow[door, kind] = [stack.enter_context(one) for one in some]
            for one in some:
                one.sendall(BEGUN[kind])
        sending = [one for (_, kind), some in slow.items() if kind != "silent" for one in some]
        sender = threading.Thread(target=trickle, args=(sending, b"a" * 1000, lambda: time.monotonic() > end))
        sender.start()
        neighbours.are_served()
        left = {which: sum(not ended(one) for one in some) for which, some in slow.items()}
        assert set(left.values()) == {0}, left
        sender.join()


@pytest.mark.parametrize("requests", [100, 1_000_000])
def test_those_who_never_read_their_answers(bridge: BridgeProcess, requests: int) -> None:
    """A few answers are in the kernel's hands, many are in ours."""
    request = b"GET /nothing-here HTTP/1.1\r\nHost: x\r\n\r\n"
    with harmless(bridge) as neighbours, contextlib.ExitStack() as stack:
        opened = [connect(getattr(bridge.endpoints, door), window=2048) for door in DOORS for _ in range(2)]
        deaf = [stack.enter_context(one) for one in opened]
        ends = [(one.getpeername()[1], one.getsockname()[1]) for one in deaf]
        for one in deaf:
            one.setblocking(False)
            with contextlib.suppress(OSError):
                for _ in range(requests // 100):
                    one.send(request * 100)
        neighbours.are_served()
        bridge.wait(lambda: not held_by_the_kernel(ends), "lets go of what nobody reads")


def held_by_the_kernel(ends: list[tuple[int, int]]) -> list[str]:
    """Connections from a port to another, also closed ones that still have something to send.

    Nothing tells the client: reading would be what a deaf one never does.
    """
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = {tuple(int(end.rpartition(":")[2], 16) for end in line[1:3]): line[3] for line in lines}
    return [found[pair] for pair in ends if found.get(pair, TIME_WAIT) != TIME_WAIT]


TIME_WAIT = "06"


@pytest.mark.parametrize("door", DOORS)
def test_many_requests_at_once_on_one_connection(bridge: BridgeProcess, door: str) -> None:
    count = 1000
    request = b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    requests = request * (count - 1) + request[:-2] + b"Connection: close\r\n\r\n"
    with (
        harmless(bridge) as neighbours,
        connect(getattr(bridge.endpoints, door)) as one,
        ThreadPoolExecutor(2) as threads,
    ):
        sent, received = threads.submit(one.sendall, requests), threads.submit(everything, one)
        neighbours.are_served()
        sent.result()
        assert received.result().count(b"HTTP/1.1 404 ") == count


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("door", DOORS)
def test_too_many_connections(bridge: BridgeProcess, door: str) -> None:
    with harmless(bridge) as neighbours:
        many = []
        for _ in range(6 * CONNECTIONS):
            one = connect(getattr(bridge.endpoints, door))
            with contextlib.suppress(OSError):
                one.sendall(
                    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                    if len(many) % 2
                    else b"GET /hea"
                )
            many.append(one)
        neighbours.are_served()
        said = []
        for one in many:
            with contextlib.suppress(OSError):
                said.append(one.recv(12))
        assert b"HTTP/1.1 503" in said
        assert said.count(b"") + (len(many) - len(said)) > 0
        for one in many:
            one.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * (2 * MAX_HEAD_BYTES) + b"\r\n\r\n",
        b"GET /" + b"y" * (2 * MAX_HEAD_BYTES) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * MiB,
    ],
    ids=["number", "size", "target", "endless"],
)
def test_heads_are_limited_at_the_api_too(bridge: BridgeProcess, head: bytes) -> None:
    with harmless(bridge), connect(bridge.endpoints.api) as one:
        with contextlib.suppress(OSError):
            one.sendall(head)
        with contextlib.suppress(OSError):
            assert one.recv(12) == b"HTTP/1.1 431"
        assert ended(one)


def test_endless_extensions_and_trailers_of_chunks(bridge: BridgeProcess) -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    endless = [chunked + begun + b"x" * 65536 for begun in (b"1;", b"0\r\nT: ")]
    end = time.monotonic() + 20

    def cut_off(door: str, begun: bytes) -> bool:
        with connect(getattr(bridge.endpoints, door)) as one, contextlib.suppress(OSError):
            one.sendall(begun)
            while time.monotonic() < end:
                one.sendall(b"x" * 65536)
        return time.monotonic() < end

    with harmless(bridge) as neighbours, ThreadPoolExecutor(4) as threads:
        cut = [threads.submit(cut_off, door, begun) for door in DOORS for begun in endless]
        neighbours.are_served()
        assert all(one.result() for one in cut), "never cut off"


class Http2:
    """A client of the gRPC door that plays by no rules but those of frames."""

    def __init__(self, endpoint: str) -> None:
        self._socket = connect(endpoint)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._next = 1
        self.flush()

    def open(self, *more: tuple[str, str]) -> int:
        """Begin a call, and send nothing of its message."""
        headers = [
            (":method", "POST"), (":scheme", "http"), (":path", TRACES), (":authority", "x"),
            ("content-type", "application/grpc"), ("te", "trailers"), *more,
        ]  # fmt: skip
        stream, self._next = self._next, self._next + 2
        self._h2.send_headers(stream, headers)
        return stream

    def reset(self, stream: int) -> None:
        self._h2.reset_stream(stream, 8)

    def send(self, stream: int, data: bytes) -> None:
        self._h2.send_data(stream, data)

    def ping(self) -> None:
        self._h2.ping(b"12345678")

    def flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def ended(self) -> bool:
        return ended(self._socket)

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def clients(bridge: BridgeProcess, count: int) -> Iterator[list[Http2]]:
    opened = [Http2(bridge.endpoints.grpc) for _ in range(count)]
    try:
        yield opened
    finally:
        for client in opened:
            client.close()


def test_grpc_calls_that_never_send(bridge: BridgeProcess) -> None:
    with harmless(bridge) as neighbours, clients(bridge, 3) as slow:
        for client in slow:
            for _ in range(30):
                client.open()
            client.flush()
        for _ in range(3):
            neighbours.are_served()


def test_grpc_messages_in_single_bytes(bridge: BridgeProcess) -> None:
    with harmless(bridge) as neighbours, clients(bridge, 2) as slow:
        calls = [(client, client.open()) for client in slow for _ in range(20)]
        begin = b"\x00" + (2 * MiB - 5).to_bytes(4, "big")
        for at in range(20):
            for client, stream in calls:
                client.send(stream, begin[at : at + 1] or b"\n")
            for client in slow:
                with contextlib.suppress(OSError):
                    client.flush()
            time.sleep(0.02)
        neighbours.are_served()


def test_grpc_calls_that_are_reset_at_once(bridge: BridgeProcess) -> None:
    with harmless(bridge) as neighbours, clients(bridge, 2) as resetting:
        for client in resetting:
            with contextlib.suppress(OSError):
                for _ in range(20):
                    for _ in range(100):
                        client.reset(client.open())
                    client.flush()
        neighbours.are_served()


def test_grpc_pings_and_large_metadata(bridge: BridgeProcess) -> None:
    with harmless(bridge) as neighbours, clients(bridge, 2) as (pinging, talking):
        with contextlib.suppress(OSError):
            for _ in range(50):
                for _ in range(100):
                    pinging.ping()
                pinging.flush()
        with contextlib.suppress(OSError):
            for _ in range(50):
                talking.open(*((f"x-{n}", "y" * 1000) for n in range(15)))
            talking.flush()
        neighbours.are_served()


def nested(depth: int) -> bytes:
    """An AnyValue of arrays in arrays."""
    value = b""
    for _ in range(depth):
        inner = b"\x0a" + length(len(value)) + value
        value = b"\x2a" + length(len(inner)) + inner
    return value


def length(size: int) -> bytes:
    out = bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes([*out, size])


@pytest.mark.parametrize("depth", [20, 90, 20_000])
@pytest.mark.parametrize("lineage", [True, False])
def test_values_nested_deeply(bridge: BridgeProcess, depth: int, lineage: bool) -> None:
    """In protobuf, with lineage beside it or not. test_row_14_json_nested_too_deep has the same in JSON."""
    one = span(trace_id(), span_id(), job="deep" if lineage else "").SerializeToString()
    value = nested(depth)
    attribute = b"\x0a\x04deep\x12" + length(len(value)) + value
    with_attribute = one + b"\x4a" + length(len(attribute)) + attribute
    scope = b"\x12" + length(len(with_attribute)) + with_attribute
    resource = b"\x12" + length(len(scope)) + scope
    body = b"\x0a" + length(len(resource)) + resource
    with harmless(bridge):
        connection = http.client.HTTPConnection(bridge.endpoints.http, timeout=20)
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        got = connection.getresponse()
        said = got.read()
        connection.close()
        assert got.status in ({200, 400} if depth > 20 else {200}), said
        bridge.wait(lambda: bridge.health()["conversion"]["waiting"] == 0, "converts")
        assert bridge.health()["conversion"]["failed"] == 0


def test_json_nested_deeply_at_the_api(bridge: BridgeProcess) -> None:
    with harmless(bridge):
        connection = http.client.HTTPConnection(bridge.endpoints.api, timeout=20)
        for body in (
            b"[" * 200_000,
            b'{"a":' * 200_000,
            json.dumps({"run": {"facets": {}}}).encode()[:-1] + b"," * 9,
        ):
            connection.request("POST", "/api/v1/lineage", body, {"Content-Type": "application/json"})
            got = connection.getresponse()
            got.read()
            assert 400 <= got.status < 500
        connection.close()
