"""Who may ask for what: API keys with roles, looked at before any route. A path that is not named here needs a role."""

import hmac
import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from otel_bridge.settings import Api, ApiKey, Role

READING = frozenset({"GET", "HEAD"})
SAID_EVERY_S = 60.0
"""Requests with keys that nobody has are logged this often at most, with their number."""
SHOWN = 200
"""Characters of a path in the log."""

log = structlog.get_logger()


class Caller(msgspec.Struct, frozen=True):
    """Who asks: the name of the key, "" without one, and what that allows."""

    name: str = ""
    roles: frozenset[Role] = frozenset()


EVERYBODY = Caller(roles=frozenset({"read", "write"}))
"""Where no keys are configured."""


def caller(scope: Scope) -> Caller:
    """Who sent the request, in a route."""
    found: Caller = scope["otel_bridge.caller"]
    return found


class Keys:
    """The accepted keys. Their digests are compared, all of them, so that the time taken tells nothing."""

    def __init__(self, accepted: Iterable[ApiKey]) -> None:
        self._accepted = [
            (_digest(key.key.reveal().encode()), Caller(key.name, frozenset(key.roles))) for key in accepted
        ]

    def __bool__(self) -> bool:
        return bool(self._accepted)

    def find(self, authorization: Sequence[bytes]) -> Caller | None:
        """Whose key the `Authorization` headers carry; None if it is nobody's, or there are several headers."""
        value = authorization[0] if len(authorization) == 1 else b""
        scheme, _, key = value.strip().partition(b" ")
        sent, found = _digest(key.strip()), None
        for digest, whose in self._accepted:
            if hmac.compare_digest(sent, digest):
                found = whose
        return found if scheme.lower() == b"bearer" else None


class Access:
    """ASGI middleware: 401 without a key where one is needed, 403 if the key lacks the role."""

    def __init__(self, app: ASGIApp, keys: Sequence[ApiKey]) -> None:
        self._app = app
        self._keys = Keys(keys)
        self._unknown = 0
        self._said_s = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or refuse it."""
        who, refusal = self._admit(scope) if self._keys else (EVERYBODY, None)
        scope["otel_bridge.caller"] = who
        await (refusal or self._app)(scope, receive, send)

    def _admit(self, scope: Scope) -> tuple[Caller, Response | None]:
        authorization = [value for name, value in scope["headers"] if name == b"authorization"]
        found = self._keys.find(authorization) if authorization else None
        who, role = found or Caller(), needed(scope["method"], scope["path"])
        if found is None and (role or (authorization and scope["path"] == "/health")):
            self._count_unknown(scope)
            return who, _unauthenticated(sent=bool(authorization))
        if role and role not in who.roles:
            log.warning(
                "api_key_lacks_role",
                key=who.name,
                role=role,
                method=scope["method"],
                path=scope["path"][:SHOWN],
            )
            return who, _forbidden(who.name, role)
        return who, None

    def _count_unknown(self, scope: Scope) -> None:
        self._unknown += 1
        now = time.monotonic()
        if now - self._said_s >= SAID_EVERY_S:
            peer = (scope.get("client") or ("?",))[0]
            log.warning(
                "api_requests_without_accepted_key",
                count=self._unknown,
                latest=peer,
                path=scope["path"][:SHOWN],
            )
            self._unknown, self._said_s = 0, now


def needed(method: str, path: str) -> Role | None:
    """The role that a request needs; None for what everybody may see.

    >>> needed("GET", "/facets/1-0-0/OtelTraceRunFacet.json"), needed("GET", "/metrics"), needed("POST", "/new")
    (None, 'read', 'write')
    """
    if method not in READING:
        return "write"
    return None if path in {"/", "/health"} or path.startswith("/facets/") else "read"


def warn_if_exposed(api: Api) -> None:
    """Say what anybody on the network can do."""
    if api.endpoint.loopback:
        return
    where = {"door": "api", "endpoint": str(api.endpoint)}
    if not (api.keys or (api.tls and api.tls.client_ca)):
        advice = "set api.keys or api.tls.client_ca"
        log.warning("anybody_on_the_network_can_read_and_send", advice=advice, **where)
    if api.tls is None:
        log.warning("not_encrypted", advice="set api.tls", **where)


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=32).digest()


def _unauthenticated(*, sent: bool) -> Response:
    what = "the API key is not accepted" if sent else "an API key is needed"
    error = ', error="invalid_token"' if sent else ""
    challenge = {"WWW-Authenticate": f'Bearer realm="otel-bridge"{error}'}
    return _refusal(401, f"{what}; send `Authorization: Bearer <key>` with one of api.keys", challenge)


def _forbidden(name: str, role: Role) -> Response:
    challenge = {"WWW-Authenticate": 'Bearer realm="otel-bridge", error="insufficient_scope"'}
    return _refusal(
        403, f"the API key {name!r} has no role {role}; add it to its roles in api.keys", challenge
    )


def _refusal(status: int, error: str, headers: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode({"error": error}), status, headers, media_type="application/json")
