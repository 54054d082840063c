"""What the pipelines talk to: PostgreSQL, librdkafka's mock cluster, and as much of S3 as they use."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.deliver.mock_kafka import MockKafka
from tests.parts import postgres


@contextmanager
def environment(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that a pipeline wants, while its servers run."""
    match name:
        case "psycopg":
            with postgres.run(directory=folder) as server:
                yield {"DSN": f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"}
        case "kafka":
            cluster = MockKafka(1)
            for topic in ("orders", "enriched"):
                cluster.topic(topic, 1)
            yield {"BROKERS": ",".join(cluster.brokers)}
        case "s3":
            with _s3() as url:
                yield {"S3": url}
        case _:
            yield {"FILE": str(folder / "shop.db")}


class _S3(BaseHTTPRequestHandler):
    """Answers as S3 does, and keeps nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"<ListBucketResult/>" if "list-type" in self.path else b"id,amount\n1,2\n")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(b"<CopyObjectResult/>" if self.headers.get("x-amz-copy-source") else b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        """Silent."""


@contextmanager
def _s3() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _S3)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
