"""TLS, mutual TLS, and the warnings about doors that are open to everybody."""

import datetime as dt
import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from otel_bridge.model import ConfigError
from otel_bridge.settings import Door, Endpoint, Secret, Tls
from tests.receive.serving import PROTOBUF, Served, local, receive, serving
from tests.receive.test_conformance import TRACES, run_request


@dataclass
class Issued:
    cert: Path
    key: Path


class Authority:
    """A CA for one test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{folder.name} CA")])
        self.cert = folder / "ca.pem"
        self.cert.write_bytes(self._sign(self._name, self._key, authority=True))

    def issue(self, name: str) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        issued = Issued(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        issued.cert.write_bytes(self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool = False) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def mutual(request: pytest.FixtureRequest, ca: Authority):
    """Doors that want a client certificate of our CA."""
    server = ca.issue("localhost")
    door = local(tls=Tls(cert=str(server.cert), key=str(server.key), client_ca=str(ca.cert)))
    with serving(receive(door, door, max_request=1024**2), loop=request.param) as served:
        yield served


def over_tls(served: Served, ca: Authority, client: Issued | None, body: bytes) -> int:
    context = ssl.create_default_context(cafile=str(ca.cert))
    if client:
        context.load_cert_chain(client.cert, client.key)
    connection = http.client.HTTPSConnection("localhost", served.http_address[1], timeout=20, context=context)
    try:
        connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        return connection.getresponse().status
    finally:
        connection.close()


def over_grpc_tls(served: Served, ca: Authority, client: Issued | None) -> bytes:
    pair = (client.key.read_bytes(), client.cert.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(ca.cert.read_bytes(), *pair)
    address = f"localhost:{served.grpc_address.rpartition(':')[2]}"
    with grpc.secure_channel(address, credentials) as channel:
        return channel.unary_unary(TRACES)(run_request(), timeout=20)


def test_with_a_certificate_of_the_right_ca(mutual: Served, ca: Authority):
    mutual.journal.clear()
    client = ca.issue("client")
    assert over_tls(mutual, ca, client, run_request()) == 200
    assert over_grpc_tls(mutual, ca, client) == b""
    assert len(mutual.journal.rows) == 2


def test_a_refusal_arrives_over_tls(mutual: Served, ca: Authority):
    assert over_tls(mutual, ca, ca.issue("client"), bytes(3 * 1024**2)) == 413


@pytest.mark.parametrize("which", ["none", "of another ca"])
def test_without_one(mutual: Served, ca: Authority, which: str, tmp_path: Path):
    client = None if which == "none" else Authority(tmp_path).issue("stranger")
    mutual.journal.clear()
    with pytest.raises(OSError):
        over_tls(mutual, ca, client, run_request())
    with pytest.raises(grpc.RpcError):
        over_grpc_tls(mutual, ca, client)
    assert not mutual.journal.rows


def test_files_that_can_not_be_used(tmp_path: Path):
    door = local(tls=Tls(cert=str(tmp_path / "missing.pem"), key=str(tmp_path / "missing.key")))
    for settings in (receive(door, local(enabled=False)), receive(local(enabled=False), door)):
        with pytest.raises(ConfigError, match=r"missing\.pem"), serving(settings):
            pass


def test_a_key_with_a_password_is_an_error_and_no_question(ca: Authority, tmp_path: Path):
    server = ca.issue("localhost")
    key = serialization.load_pem_private_key(server.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    door = local(tls=Tls(cert=str(server.cert), key=str(locked)))
    for settings in (receive(door, local(enabled=False)), receive(local(enabled=False), door)):
        with pytest.raises(ConfigError, match="has a password"), serving(settings):
            pass


def test_doors_open_to_everybody_are_pointed_out(ca: Authority):
    server = ca.issue("localhost")
    everywhere = Endpoint("0.0.0.0", 0)
    tls = Tls(cert=str(server.cert), key=str(server.key))
    token = (Secret("hush-hush"),)
    open_door = Door(endpoint=everywhere)
    assert warned(receive(open_door, local())) == ["anybody_on_the_network_can_send", "not_encrypted"]
    assert warned(receive(local(), Door(endpoint=everywhere, tls=tls))) == ["anybody_on_the_network_can_send"]
    assert warned(receive(local(), Door(endpoint=everywhere, bearer_tokens=token))) == ["not_encrypted"]
    assert warned(receive(local(), Door(endpoint=everywhere, bearer_tokens=token, tls=tls))) == []
    assert warned(receive()) == []


def warned(settings) -> list[str]:
    with structlog.testing.capture_logs() as lines, serving(settings):
        return [line["event"] for line in lines if line["log_level"] == "warning"]
