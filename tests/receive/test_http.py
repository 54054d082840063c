"""The HTTP door: limits of time and size, order, stopping."""

import json
import random
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from otel_bridge.model import BridgeError
from otel_bridge.receive import http_door
from otel_bridge.settings import Door, Duration, Endpoint
from tests.otlp import span, span_id, trace_id, traces
from tests.receive.serving import JSON, Served, local, receive, serving
from tests.receive.test_conformance import exchange, read_answer, request_head, run_request


def connect(served: Served) -> socket.socket:
    return socket.create_connection(served.http_address, timeout=20)


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/traces HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"POST /v1/traces HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"y" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_heads_are_limited(served: Served, head: bytes):
    answer, body = exchange(served, head)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["message"]


def test_a_head_that_never_ends(served: Served):
    with connect(served) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nX: ")
        sent = 0
        while sent < 10_000_000:
            try:
                sent += connection.send(b"y" * 4096)
            except OSError:
                break
            if sent > 64 * 1024 and not sent % (64 * 1024):
                connection.setblocking(False)
                try:
                    assert connection.recv(12) == b"HTTP/1.1 431"
                    return
                except BlockingIOError:
                    connection.settimeout(20)
        pytest.fail("no answer")


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"hello\r\n\r\n"]
)
def test_what_is_not_http(served: Served, junk: bytes):
    answer, body = exchange(served, junk)
    assert answer.startswith(b"HTTP/1.1 4")
    assert json.loads(body)["message"]


def test_two_lengths_are_refused(served: Served):
    sent = request_head("Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    assert exchange(served, sent)[0].startswith(b"HTTP/1.1 400 ")


def test_a_refusal_reaches_a_sender_that_is_still_sending():
    """Closing at once would reset the connection, and the sender would repeat what is too large."""
    with serving(receive(max_request=100_000)) as served, connect(served) as connection:
        connection.sendall(request_head("Content-Length: 20000000"))
        answer = []
        reader = threading.Thread(target=lambda: answer.append(read_answer(connection)))
        reader.start()
        for _ in range(200):
            connection.sendall(bytes(100_000))
        reader.join(20)
        assert answer[0][0].startswith(b"HTTP/1.1 413 ")


def test_a_small_refused_request_keeps_the_connection(served: Served):
    with connect(served) as connection:
        for _ in range(3):
            connection.sendall(request_head("Content-Length: 3", path="/nowhere") + b"abc")
            assert read_answer(connection)[0].startswith(b"HTTP/1.1 404 ")
        connection.sendall(request_head("Content-Length: 0"))
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")


def test_expect_100_continue(served: Served):
    body = run_request()
    with connect(served) as connection:
        connection.sendall(request_head(f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")
    refused = request_head(f"Content-Length: {len(body)}", "Expect: 100-continue", path="/nowhere")
    assert exchange(served, refused)[0].startswith(b"HTTP/1.1 404 ")


def test_chunked_bodies_in_single_bytes(served: Served):
    body = run_request()
    chunks = (
        b"".join(b"1\r\n" + body[i : i + 1] + b"\r\n" for i in range(len(body))) + b"0\r\nTrailer: x\r\n\r\n"
    )
    with connect(served) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = request_head("Transfer-Encoding: chunked") + chunks
        for at in range(0, len(sent), 7):
            connection.sendall(sent[at : at + 7])
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")
    assert len(served.journal.rows) == 1


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def impatient(request: pytest.FixtureRequest):
    """A server that waits for 0.3 s."""
    with serving(receive(idle_timeout=Duration(0.3)), loop=request.param) as served:
        yield served


def test_idle_connections_are_closed(impatient: Served):
    with connect(impatient) as connection:
        assert ended(connection)
    with connect(impatient) as connection:
        connection.sendall(request_head("Content-Length: 0"))
        read_answer(connection)
        assert ended(connection)


@pytest.mark.parametrize("part", [b"POST /v1/tr", request_head("Content-Length: 10") + b"12345"])
def test_slow_requests_are_told_to_come_again(impatient: Served, part: bytes):
    with connect(impatient) as connection:
        connection.sendall(part)
        head, _ = read_answer(connection)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in head
        assert ended(connection)


def test_a_slow_commit_is_not_a_slow_request(impatient: Served):
    impatient.journal.hold = True
    body = run_request()
    with connect(impatient) as connection:
        connection.sendall(request_head(f"Content-Length: {len(body)}") + body)
        time.sleep(1)
        impatient.journal.hold = False
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")


def test_bytes_in_flight_are_limited():
    """Requests that arrive slowly hold memory too."""
    with serving(receive(max_request=100_000, max_in_flight=200_000)) as served:
        connections = [connect(served) for _ in range(3)]
        for connection in connections:
            connection.sendall(request_head("Content-Length: 90000") + bytes(80_000))
        head, _ = read_answer(next(c for c in readable(connections)))
        assert head.startswith(b"HTTP/1.1 503 ")
        for connection in connections:
            connection.close()
        eventually(lambda: served.receiver.in_flight.size == 0)


def readable(connections: list[socket.socket]) -> list[socket.socket]:
    import select

    return select.select(connections, [], [], 20)[0]


def eventually(condition) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never happened")


def test_a_client_that_goes_away_leaves_nothing_behind(served: Served):
    body = run_request()
    served.journal.hold = True
    for sent in (
        request_head("Content-Length: 99") + b"abc",
        request_head(f"Content-Length: {len(body)}") + body,
    ):
        connection = connect(served)
        connection.sendall(sent)
        if sent.endswith(body):
            assert served.journal.committing.wait(20)
        connection.close()
    served.journal.hold = False
    eventually(lambda: served.receiver.in_flight.size == 0 and served.doors.http_connections == 0)
    eventually(lambda: len(served.journal.rows) == 1)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_stopping_finishes_what_is_under_way(loop: str):
    with serving(loop=loop) as served:
        served.journal.hold = True
        body = run_request()
        with connect(served) as idle, connect(served) as busy, connect(served) as arriving:
            busy.sendall(request_head(f"Content-Length: {len(body)}") + body)
            arriving.sendall(request_head(f"Content-Length: {len(body)}") + body[:5])
            assert served.journal.committing.wait(20)
            eventually(lambda: served.receiver.in_flight.size == len(body) + 5)
            stopping = threading.Thread(target=lambda: served.run(served.doors.stop(10)))
            stopping.start()
            assert ended(idle)
            served.journal.hold = False
            arriving.sendall(body[5:])
            for connection in (busy, arriving):
                head, _ = read_answer(connection)
                assert head.startswith(b"HTTP/1.1 200 ")
                assert b"Connection: close" in head
            stopping.join(20)
            assert not stopping.is_alive()
            with pytest.raises(OSError):
                connect(served)


def test_stopping_takes_no_longer_than_it_may():
    with serving() as served:
        served.journal.hold = True
        with connect(served) as busy:
            busy.sendall(request_head(f"Content-Length: {len(run_request())}") + run_request())
            assert served.journal.committing.wait(20)
            served.run(served.doors.stop(0.1))
            assert ended(busy)
        served.journal.hold = False


def test_a_port_in_use_is_an_error_that_says_what_to_do(served: Served):
    taken = Door(endpoint=Endpoint("127.0.0.1", served.http_address[1]))
    for doors in (receive(http=taken), receive(grpc=taken, http=local(enabled=False))):
        with pytest.raises(BridgeError, match=r"can't listen on .*set receive"), serving(doors):
            pass


def test_random_bytes_and_cuts(served: Served):
    """No input makes the door answer anything but HTTP, or stop serving."""
    chance, failures = random.Random(7), served.receiver.failures
    good = request_head(f"Content-Length: {len(run_request())}", "Content-Encoding: gzip") + run_request()
    for _ in range(150):
        changed = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        with connect(served) as connection:
            connection.sendall(changed[: chance.randint(1, len(changed))])
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(20)
            assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert served.post("/v1/traces", traces(span(trace_id(), span_id())))[0] == 200
    assert served.post("/v1/traces", b"{}", JSON)[0] == 200
    assert served.receiver.failures == failures


def test_connections_that_nothing_comes_of_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_door, "UNUSED_S", 0.05)
    with serving(receive(max_connections=3)) as served, ExitStack() as stack:
        useful, silent, useless = (
            stack.enter_context(socket.create_connection(served.http_address, timeout=20)) for _ in range(3)
        )
        useful.sendall(request_head("Content-Length: 0"))
        assert read_answer(useful)[0].startswith(b"HTTP/1.1 200 ")
        useless.sendall(request_head("Content-Length: 0", path="/nowhere"))
        assert read_answer(useless)[0].startswith(b"HTTP/1.1 404 ")
        time.sleep(0.05)
        assert served.post("/v1/traces", b"")[0] == 200
        assert silent.recv(1) == b""
        useful.sendall(request_head("Content-Length: 0"))
        assert read_answer(useful)[0].startswith(b"HTTP/1.1 200 ")
