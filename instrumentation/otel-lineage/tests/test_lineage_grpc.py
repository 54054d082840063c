"""gRPC by our own client: sizes, names of servers, proxies, TLS, servers that come and go."""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import threading

import grpc
import pytest
from lineage_collector import GrpcCollector, free_port

RUN = "from otel_lineage import lineage_run\nwith lineage_run('job') as run: pass\n"


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_runs_larger_than_all_windows(programs, grpc_collector, compression):
    code = (
        "import random\nfrom otel_lineage import lineage_run\n"
        "with lineage_run('job') as run:\n"
        "    run.add_facet('big', {'text': random.randbytes(1_200_000).hex()})\n"
    )
    programs.run(code, grpc_collector, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    (facets,) = [value for key, value in grpc_collector.lineage["job"].attributes.items() if "facets" in key]
    assert len(facets) > 2_400_000


def test_one_connection_is_kept(programs, grpc_collector):
    code = (
        "from otel_lineage import flush, lineage_run\n"
        "for i in range(5):\n"
        "    with lineage_run(f'job{i}'): pass\n"
        "    assert flush()\n"
    )
    programs.run(code, grpc_collector, OTEL_EXPORTER_OTLP_HEADERS="x-team=data")
    assert {f"job{i}" for i in range(5)} == grpc_collector.lineage.keys()
    assert len(grpc_collector.peers) == 2  # one a signal
    assert all(metadata["x-team"] == "data" for _, metadata, _ in grpc_collector.requests)


def test_server_that_was_started_again(programs):
    first = GrpcCollector()
    process = programs.start(
        "import sys\nfrom otel_lineage import flush, lineage_run\n"
        "with lineage_run('one'): pass\n"
        "print(flush(), flush=True)\nsys.stdin.readline()\n"
        "with lineage_run('two'): pass\n"
        "print(flush(), flush=True)\n",
        first,
        stdin=subprocess.PIPE,
    )
    assert process.stdout.readline() == "True\n"
    first.close()
    second = GrpcCollector(first.port)
    out, err = process.communicate("\n", timeout=60)
    second.close()
    assert (out, err) == ("True\n", "")
    assert "two" in second.lineage


def test_unix_socket(programs, tmp_path):
    collector = GrpcCollector(address=f"unix:{tmp_path}/otel.sock")
    try:
        programs.run(RUN, collector)
        assert "job" in collector.lineage
    finally:
        collector.close()


def test_server_that_does_not_speak_grpc(programs, http_collector):
    _, err = programs.run(RUN, http_collector, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "can't send" in err
    assert "Traceback" not in err
    assert len(programs.spooled()) == 2


def test_refused_for_good(programs, grpc_collector):
    grpc_collector.temper = grpc.StatusCode.INVALID_ARGUMENT
    _, err = programs.run(RUN, grpc_collector)
    assert "answered INVALID_ARGUMENT as the test wants" in err
    assert programs.spooled() == []


class ConnectProxy(socketserver.ThreadingTCPServer):
    """An HTTP proxy that only knows CONNECT, to one server whatever it is asked for."""

    def __init__(self, port):
        self.asked = []
        self.to = ("127.0.0.1", port)
        super().__init__(("127.0.0.1", 0), ConnectHandler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}).start()


class ConnectHandler(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        self.server.asked.append(head.decode())
        with socket.create_connection(self.server.to) as server:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self.pump, args=[server, self.request])
            back.start()
            self.pump(self.request, server)
            back.join()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_proxy_of_the_environment(programs, grpc_collector):
    proxy = ConnectProxy(grpc_collector.port)
    env = {
        "OTEL_LINEAGE_PROTOCOL": "grpc",
        "OTEL_LINEAGE_ENDPOINT": "http://collector.invalid:4317",
        "http_proxy": f"http://me:p%40ss@127.0.0.1:{proxy.server_address[1]}",
    }
    programs.run(RUN, None, **env)
    proxy.shutdown()
    proxy.server_close()
    assert "job" in grpc_collector.lineage
    assert proxy.asked[0].startswith("CONNECT collector.invalid:4317 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in proxy.asked[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_tls(programs, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        (
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {certificate}"
            " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        ).split(),
        check=True,
        capture_output=True,
    )
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    collector = GrpcCollector(credentials=credentials)
    try:
        _, err = programs.run(RUN, collector)
        assert "CERTIFICATE_VERIFY_FAILED" in err
        programs.run(RUN, collector, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate))
        assert "job" in collector.lineage
    finally:
        collector.close()


def test_absent_server(programs):
    env = {"OTEL_LINEAGE_PROTOCOL": "grpc", "OTEL_LINEAGE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    _, err = programs.run(RUN, None, **env)
    assert "refused" in err
    assert len(programs.spooled()) == 2
