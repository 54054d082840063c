"""Asking the running bridge by its API, with the key and the TLS that its configuration names.

The bridge is on this machine and its certificate is in our hands: that very certificate is trusted, whatever
host name it was issued for.
"""

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

import msgspec

from otel_bridge.model import BridgeError
from otel_bridge.settings import Api, Secret
from otel_bridge.sockets import no_password

WITHIN_S = 5.0


class Asked(msgspec.Struct, frozen=True):
    """Status and body of an answer."""

    status: int
    body: bytes


def ask(url: str, api: Api, key: Secret | None = None) -> Asked:
    """GET a URL of the API that `api` configures; `key` is by default the first one with the role read.

    Raises:
        BridgeError: nobody answers, or the TLS files can't be used.
    """
    key = key or next((one.key for one in api.keys if "read" in one.roles), None)
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
    try:
        with _opener(api).open(urllib.request.Request(url, headers=headers), timeout=WITHIN_S) as answer:  # noqa: S310
            return Asked(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Asked(error.code, error.read())
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
