"""The HTTP destination against real sockets: what is sent, TLS, and servers that behave badly."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from delivering import Delivering, Log, destination, event, run_id, wait
from pydantic import TypeAdapter, ValidationError

from otel_bridge import __version__
from otel_bridge.deliver import KINDS
from otel_bridge.deliver.http1 import ExchangeFailed, Origin, Pool
from otel_bridge.testing.sink import Sink


def test_request_is_what_openlineage_asks_for(log: Log, sink: Sink) -> None:
    made = event(run_id(1))
    log.add([made])
    with Delivering(log, destination("http", url=sink.url)):
        sink.wait_for(1)
    [request] = sink.requests
    assert (request.method, request.path, request.body) == ("POST", "/api/v1/lineage", made.body)
    assert request.headers == {
        "host": f"127.0.0.1:{sink.port}",
        "user-agent": f"otel-bridge/{__version__}",
        "content-type": "application/json",
        "content-length": str(len(made.body)),
    }


def test_authentication_headers_endpoint_and_gzip(log: Log, sink: Sink) -> None:
    log.add([event(run_id(1))])
    options = {
        "url": f"{sink.url}/base/",
        "endpoint": "events?v=1",
        "bearer_token": "s3cret",
        "headers": {"X-Api-Key": "k3y", "user-agent": "mine"},
        "compression": "gzip",
    }
    with Delivering(log, destination("http", **options)):
        sink.wait_for(1)
    [request] = sink.requests
    assert request.path == "/base/events?v=1"
    assert request.headers["authorization"] == "Bearer s3cret"
    assert request.headers["x-api-key"] == "k3y"
    assert request.headers["user-agent"] == "mine"
    assert request.headers["content-encoding"] == "gzip"
    assert int(request.headers["content-length"]) < len(request.body)
    assert json.loads(request.body)["run"]["runId"] == run_id(1)


def test_connections_are_kept_and_bounded(log: Log, sink: Sink) -> None:
    log.runs(range(100))
    with Delivering(log, destination("http", url=sink.url, concurrency=3)):
        sink.wait_for(200)
        assert 1 <= sink.connections <= 3
    wait(lambda: sink.connections == 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "marquez:5000"}, "url must be an http or https URL with a host"),
        ({"url": "http://u:p@h"}, "url must not hold a user or password"),
        ({"url": "http://h/a b"}, "percent-encoded"),
        ({"url": "http://h:99999"}, "Port out of range"),
        ({"url": "http://h", "concurrency": 0}, "concurrency must be 1 or more"),
        ({"url": "http://h", "timeout": 0}, "timeout must be above 0"),
        ({"url": "http://h", "headers": {"a b": "c"}}, "can't be the name of a header"),
        ({"url": "http://h", "headers": {"x": "a\r\nb: c"}}, "characters that a header can't"),
        ({"url": "http://h", "headers": {"Content-Length": "1"}}, "set by the bridge"),
        ({"url": "http://h", "bearer_token": "a\nb"}, "characters that a header can't"),
        ({"url": "http://h", "tls": {"ca": "/nowhere.pem"}}, "no such file: /nowhere.pem"),
        ({"url": "http://h", "tls": {"key": __file__}}, "set both"),
        ({"url": "http://h", "retry": {"max_attempts": 0}}, "max_attempts must be 1 or more"),
        ({"url": "http://h", "retry": {"first": "2m"}}, "not above longest"),
    ],
)
def test_wrong_options_are_refused_with_a_reason(options: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(KINDS["http"].options).validate_python(options)


def test_secrets_are_not_in_the_repr() -> None:
    shown = repr(destination("http", url="http://h", bearer_token="s3cret", headers={"x": "k3y"}))
    assert "s3cret" not in shown
    assert "k3y" not in shown


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def server_tls(ca: trustme.CA, clients: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    if clients:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_tls_with_a_private_ca(log: Log, ca: trustme.CA, tmp_path: Path) -> None:
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    log.runs([1])
    with Sink(tls=server_tls(ca)) as sink:
        with Delivering(log, destination("http", url=sink.url, tls={"ca": str(tmp_path / "ca.pem")})):
            sink.wait_for(2)
        assert sink.url.startswith("https://")


def test_a_certificate_that_nobody_vouches_for_is_refused(log: Log, ca: trustme.CA) -> None:
    log.runs([1])
    with Sink(tls=server_tls(ca)) as sink:
        with Delivering(log, destination("http", url=sink.url), drain_s=0) as delivering:
            wait(lambda: "CERTIFICATE_VERIFY_FAILED" in delivering.state("http").trouble)
        assert sink.requests == []
        with Delivering(log, destination("http", url=sink.url, tls={"verify": False})):
            sink.wait_for(2)


def test_mutual_tls(log: Log, ca: trustme.CA, tmp_path: Path) -> None:
    clients = trustme.CA()
    mine = clients.issue_cert("bridge.test")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    log.runs([1])
    with Sink(tls=server_tls(ca, clients)) as sink:
        with Delivering(
            log, destination("http", url=sink.url, tls={"ca": files["ca"]}), drain_s=0
        ) as delivering:
            wait(lambda: delivering.state("http").trouble != "")
        assert sink.requests == []
        with Delivering(log, destination("http", url=sink.url, tls=files)):
            sink.wait_for(2)


def exchange(*answers: bytes, close: bool = False, timeout_s: float = 5.0) -> list:
    """Each answer in its own connection or one after the other, byte sequences as given."""

    async def main() -> list:
        queue = list(answers)
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            try:
                while queue:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(queue.pop(0))
                    await writer.drain()
                    if close:
                        break
                else:
                    await reader.read()
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            finally:
                writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            pool = Pool(Origin("127.0.0.1", server.sockets[0].getsockname()[1]), timeout_s)
            results: list = []
            for _ in answers:
                try:
                    answer = await pool.exchange(b"POST / HTTP/1.1\r\n\r\n")
                    results.append((answer.status, answer.body))
                except ExchangeFailed as error:
                    results.append(str(error))
            await pool.close()
            await asyncio.sleep(0.01)
        return [*results, connections]

    return asyncio.run(main())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_two_answers_on_one_connection() -> None:
    assert exchange(OK, OK) == [(200, b"ok"), (200, b"ok"), 1]


def test_chunked_and_interim_answers() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    assert exchange(chunked, interim, b"HTTP/1.1 204 No Content\r\n\r\n") == [
        (200, b"ok"),
        (200, b"ok"),
        (204, b""),
        1,
    ]


def test_answer_that_ends_with_its_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
    assert exchange(answer, OK, close=True) == [(200, b"until the end"), (200, b"ok"), 2]


def test_server_that_closes_after_each_answer() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert exchange(answer, answer) == [(200, b"ok"), (200, b"ok"), 2]


def test_server_that_closes_idle_connections_without_a_word() -> None:
    assert exchange(OK, OK, close=True) == [(200, b"ok"), (200, b"ok"), 2]


def test_answer_cut_short() -> None:
    [said, *_] = exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", close=True)
    assert said == "the connection was closed before the answer"


def test_not_http() -> None:
    [said, *_] = exchange(b"SSH-2.0-OpenSSH\r\n\r\n")
    assert said.startswith("the answer is not HTTP/1.1")


def test_endless_headers_are_cut_off() -> None:
    [said, *_] = exchange(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000)
    assert "not HTTP" in said or said == "more than 262144 bytes before the answer's end"


def test_endless_body_is_cut_off() -> None:
    [(status, body), *_] = exchange(
        b"HTTP/1.1 400 Bad\r\nContent-Length: 90000000\r\n\r\n" + b"z" * 1_000_000
    )
    assert (status, body) == (400, b"z" * 4096)


def test_silence() -> None:
    [said, *_] = exchange(b"", timeout_s=0.05)
    assert said == "no answer within 0.05 s"


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose backlog is full: connecting to it takes for ever."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
        for filler in fillers:
            filler.close()


def test_connecting_takes_bounded_time() -> None:
    async def main(port: int) -> str:
        with pytest.raises(ExchangeFailed) as caught:
            await Pool(Origin("127.0.0.1", port), 0.1).exchange(b"x")
        return str(caught.value)

    with deaf_port() as port:
        assert asyncio.run(main(port)) == f"no connection to 127.0.0.1:{port} within 0.1 s"
