"""Events of other producers and artifacts of dbt: passed on unchanged to the receiving process, which alone writes what is accepted.

The answer is the receiving process's own, given when the events are on disk. Until it is known where that process
takes them, and whenever it does not answer, the sender is told to come again: nothing is kept here.
"""

from collections.abc import Iterable

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from otel_bridge.api.figures import Status
from otel_bridge.deliver.http1 import Answer, ExchangeFailed, Origin, Pool
from otel_bridge.settings import Endpoint, Receive

PATHS = ("/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/dbt/artifacts")
TIMEOUT_S = 30.0
ANSWER_BYTES = 8 * 1024**2
RETRY_AFTER_S = 1
DISCARDED = 4
"""Of a body that is not taken, so many times `max_request` is read and thrown away: the sender sees the answer then."""

_PASSED_ON = frozenset({200, 201, 204, 400, 413, 415, 422, 503})
_PASSED_BACK = ("content-type", "retry-after", "accept-encoding")
_GIVEN = ("content-type", "content-encoding")

log = structlog.get_logger()


class Intake:
    """The routes. `status` knows the address of the receiving process."""

    def __init__(self, status: Status, settings: Receive) -> None:
        self._status = status
        self._limit = int(settings.max_request)
        self._most = max(int(settings.max_in_flight), 2 * self._limit)
        self._held = 0
        self._pool: tuple[tuple[str, str], Pool] | None = None

    async def take(self, request: Request) -> Response:
        """Take a request with one event or several, or with an artifact."""
        pieces: list[bytes] = []
        size = 0
        try:
            try:
                refusal = await self._read(request, pieces)
            finally:
                size = sum(map(len, pieces))
            return refusal or await self._pass_on(request, pieces, size)
        except ClientDisconnect:
            return _refusal(400, "the request did not come to its end; repeat it")
        finally:
            self._held -= size

    async def close(self) -> None:
        """Close the connections to the receiving process."""
        if self._pool:
            await self._pool[1].close()

    async def _read(self, request: Request, pieces: list[bytes]) -> Response | None:
        """The body into `pieces`, which are counted as held; a refusal if it is too large or there are too many."""
        size, refusal = 0, None
        async for piece in request.stream():
            size += len(piece)
            if refusal is None:
                refusal = self._too_much(size, len(piece), request.url.path)
            if refusal is None:
                pieces.append(piece)
                self._held += len(piece)
            elif size > DISCARDED * self._limit:
                break
        return refusal

    def _too_much(self, size: int, piece: int, path: str) -> Response | None:
        if size > self._limit:
            smaller = (
                "send it by `otel-bridge artifacts push`" if path == PATHS[-1] else "send smaller batches"
            )
            return _refusal(
                413,
                f"the request is larger than {self._limit} bytes; {smaller} or raise receive.max_request",
                {"Connection": "close"},
            )
        if self._held + piece > self._most:
            return _later("too many bytes of requests in flight", {"Connection": "close"})
        return None

    async def _pass_on(self, request: Request, pieces: list[bytes], size: int) -> Response:
        """Empties `pieces`: a large body is here once."""
        address = self._status.intake
        if address is None:
            return _later("the receiving process can't be reached at the moment")
        endpoint, token = address
        head = [
            f"POST {request.scope['path'].strip()} HTTP/1.1",
            f"Host: {endpoint}",
            f"Authorization: Bearer {token}",
            f"Content-Length: {size}",
            *(f"{name}: {value}" for name in _GIVEN if (value := request.headers.get(name))),
        ]
        try:
            whole = b"".join(["\r\n".join([*head, "", ""]).encode("latin-1"), *pieces])
            pieces.clear()
            pool = await self._at(address)
            return _answered(await pool.exchange(whole))
        except ExchangeFailed as error:
            log.warning("events_not_passed_on", error=str(error), size=size)
            return _later("the receiving process did not answer")

    async def _at(self, address: tuple[str, str]) -> Pool:
        former = self._pool
        if former is not None and former[0] == address:
            return former[1]
        endpoint = Endpoint.parse(address[0])
        pool = Pool(Origin(endpoint.host, endpoint.port), TIMEOUT_S, ANSWER_BYTES)
        self._pool = (address, pool)
        if former:
            await former[1].close()
        return pool


def _answered(answer: Answer) -> Response:
    if answer.status not in _PASSED_ON:
        log.error("events_not_passed_on", status=answer.status, answer=answer.body.decode("utf-8", "replace"))
        return _later("the receiving process answered in an unexpected way; the log has the details")
    return Response(answer.body, answer.status, _some(answer.headers.items(), _PASSED_BACK))


def _some(headers: Iterable[tuple[str, str]], names: Iterable[str]) -> dict[str, str]:
    wanted = set(names)
    return {name: value for name, value in headers if name in wanted}


def _later(what: str, headers: dict[str, str] | None = None) -> Response:
    return _refusal(
        503, f"{what}; repeat the request later", {"Retry-After": str(RETRY_AFTER_S), **(headers or {})}
    )


def _refusal(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode({"error": error}), status, headers, media_type="application/json")
