"""Who may send: bearer tokens, and the TLS of a door."""

import hmac
import ssl
from collections.abc import Sequence
from pathlib import Path

from otel_bridge.model import ConfigError, Unauthenticated
from otel_bridge.settings import Secret, Tls
from otel_bridge.sockets import no_password


class Tokens:
    """The accepted bearer tokens of a door; none means that everybody may send."""

    def __init__(self, accepted: Sequence[Secret]) -> None:
        self._accepted = [token.reveal().encode() for token in accepted]

    def check(self, authorization: bytes) -> None:
        """Look at the value of an `Authorization` header, b"" if there is none.

        Raises:
            Unauthenticated: it carries no accepted token.
        """
        if not self._accepted:
            return
        scheme, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        matches = [hmac.compare_digest(token, accepted) for accepted in self._accepted]
        if scheme.lower() != b"bearer" or not any(matches):
            raise Unauthenticated("no accepted bearer token; send `Authorization: Bearer <token>`")


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """For the HTTP door.

    Raises:
        ConfigError: a file can't be read, or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.cert, tls.key, no_password)
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        raise _unusable(tls, error) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def pem_files(tls: Tls) -> tuple[bytes, bytes, bytes | None]:
    """Certificate chain, key and client CAs for the gRPC door.

    Raises:
        ConfigError: a file can't be read, or is not what it should be.
    """
    ssl_context(tls)
    try:
        return _read(tls.cert), _read(tls.key), _read(tls.client_ca) if tls.client_ca else None
    except OSError as error:
        raise _unusable(tls, error) from None


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _unusable(tls: Tls, error: Exception) -> ConfigError:
    files = ", ".join(f for f in (tls.cert, tls.key, tls.client_ca) if f)
    return ConfigError([f"tls: can't use {files}: {error}; give PEM files of a certificate and its key"])
