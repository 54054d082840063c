"""Asking the running bridge by its API, with the key and the TLS that its configuration names.

The bridge is on this machine and its certificate is in our hands: that very certificate is trusted, whatever
host name it was issued for.
"""

import gzip
import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

import msgspec

from otel_bridge.model import BridgeError
from otel_bridge.settings import Api, Role, Secret
from otel_bridge.sockets import no_password

WITHIN_S = 5.0
SENT_WITHIN_S = 60.0


class Asked(msgspec.Struct, frozen=True):
    """Status and body of an answer."""

    status: int
    body: bytes
    retry_after: str | None = None


def ask(url: str, api: Api, key: Secret | None = None) -> Asked:
    """GET a URL of the API that `api` configures; `key` is by default the first one with the role read.

    Raises:
        BridgeError: nobody answers, or the TLS files can't be used.
    """
    return _asked(urllib.request.Request(url), api, key or _key(api, "read"), WITHIN_S)  # noqa: S310


def send(url: str, api: Api, body: bytes, key: Secret | None = None) -> Asked:
    """POST JSON, compressed, to a URL of the API; `key` is by default the first one with the role write.

    Raises:
        BridgeError: nobody answers, or the TLS files can't be used.
    """
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    request = urllib.request.Request(url, gzip.compress(body, 6, mtime=0), headers)  # noqa: S310
    return _asked(request, api, key or _key(api, "write"), SENT_WITHIN_S)


def _key(api: Api, role: Role) -> Secret | None:
    return next((one.key for one in api.keys if role in one.roles), None)


def _asked(request: urllib.request.Request, api: Api, key: Secret | None, within_s: float) -> Asked:
    url = request.full_url
    if key:
        request.add_header("Authorization", f"Bearer {key.reveal()}")
    try:
        with _opener(api).open(request, timeout=within_s) as answer:
            return Asked(answer.status, answer.read(), answer.headers.get("Retry-After"))
    except urllib.error.HTTPError as error:
        return Asked(error.code, error.read(), error.headers.get("Retry-After"))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise BridgeError(
            f"{url} does not answer ({reason}). Is it running? Start it with `otel-bridge serve`."
        ) from None


def _opener(api: Api) -> urllib.request.OpenerDirector:
    direct: list[Any] = [urllib.request.ProxyHandler({})]  # the bridge is never behind a proxy
    return urllib.request.build_opener(
        *direct, *([urllib.request.HTTPSHandler(context=_tls(api))] if api.tls else [])
    )


def _tls(api: Api) -> ssl.SSLContext:
    assert api.tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(api.tls.cert)
        if api.tls.client_ca:
            context.load_cert_chain(api.tls.cert, api.tls.key, no_password)
    except (OSError, ValueError) as error:
        raise BridgeError(
            f"api.tls: can't use {api.tls.cert}: {error}; give PEM files that can be read"
        ) from None
    return context
