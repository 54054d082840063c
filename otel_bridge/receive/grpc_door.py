"""The OTLP/gRPC door: generic handlers on raw bytes, so that both doors share one path."""

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NoReturn, Self

# Children are started by exec and never use gRPC; with its fork handlers each start of one would be a line in the log.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# It writes what senders do wrong, with their bytes, past our log, as often as they like.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio
import structlog

from otel_bridge.model import BridgeError, Malformed, Refused, Unavailable
from otel_bridge.receive import status
from otel_bridge.receive.ack import Receiver
from otel_bridge.receive.credentials import Tokens, pem_files
from otel_bridge.receive.turns import Turns
from otel_bridge.settings import Endpoint, Receive, Tls

Signal = Literal["traces", "logs", "metrics"]

SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
MAX_STREAMS = 64
"""Requests at once on one connection; a Collector has ten consumers by default."""
HANDSHAKE_MS = 10_000
"""For a connection to say that it speaks HTTP/2, and for TLS."""
MIN_PING_INTERVAL_MS = 5000
CONNECTION_AGE_MS = 300_000
CONNECTION_GRACE_MS = 30_000
"""Connections are renewed, so that senders spread over replicas that came later."""

REOPEN_S = 0.05
SAID_AFTER = 40
"""Tries to open the door again before it is said that the address can't be bound; the old server lets go of it soon."""
WARN_EVERY_S = 60.0

_CODES = {code.value[0]: code for code in grpc.StatusCode}

log = structlog.get_logger()


class GrpcDoor:
    """A listening OTLP/gRPC server. `endpoint` has the bound port."""

    def __init__(self, settings: Receive, receiver: Receiver) -> None:
        door = settings.grpc
        self._receiver = receiver
        self._tokens = Tokens(door.bearer_tokens)
        self._turns = Turns()
        self._read_within_s = float(settings.idle_timeout)
        self._max_request = int(settings.max_request)
        self._tls = door.tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._warned_s = 0.0
        self._server: Any = self._new_server()
        self.endpoint = Endpoint(door.endpoint.host, self._bind(door.endpoint, door.tls))

    @classmethod
    async def open(cls, settings: Receive, receiver: Receiver) -> Self:
        """Listen on the endpoint of `settings.grpc`.

        Raises:
            BridgeError: the address can't be bound, or the TLS files can't be used.
        """
        self = cls(settings, receiver)
        await self._start()
        return self

    async def stop(self, deadline_s: float) -> None:
        """Accept nothing more, finish the requests under way for so long, then cut the rest off."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await self._server.stop(deadline_s)

    def _new_server(self) -> Any:
        server = grpc.aio.server(options=_options(self._max_request))
        server.add_generic_rpc_handlers([self._service(signal, name) for signal, name in SERVICES.items()])
        return server

    async def _start(self) -> None:
        """Start, and hear of it when the server stops by itself.

        grpc ends a server for good when somebody calls a path that is not UTF-8.
        """
        before = asyncio.all_tasks()
        await self._server.start()
        for task in asyncio.all_tasks() - before:
            if _is(task, "_server_main_loop"):
                task.add_done_callback(self._ended)

    def _ended(self, main_loop: "asyncio.Task[Any]") -> None:
        if self._stopping or main_loop.cancelled() or main_loop.exception() is None:
            return
        for task in asyncio.all_tasks():
            if _is(task, "AioServer.shutdown"):
                task.add_done_callback(_heard)
        if time.monotonic() - self._warned_s > WARN_EVERY_S:
            self._warned_s = time.monotonic()
            log.warning("grpc_door_reopened", reason=str(main_loop.exception()))
        reopening = asyncio.get_running_loop().create_task(self._reopen(self._server))
        self._tasks.add(reopening)
        reopening.add_done_callback(self._tasks.discard)

    async def _reopen(self, old: Any) -> None:
        """A new server in the place of one that ended; what that has begun is finished."""
        for attempt in itertools.count():
            self._server = self._new_server()
            try:
                self._bind(self.endpoint, self._tls)
                break
            except BridgeError as error:
                if attempt % SAID_AFTER == SAID_AFTER - 1:
                    log.error("grpc_door_closed", error=str(error))
                await asyncio.sleep(REOPEN_S)
        await self._start()
        await old.stop(CONNECTION_GRACE_MS / 1000)

    def _bind(self, endpoint: Endpoint, tls: Tls | None) -> int:
        try:
            if tls is None:
                return int(self._server.add_insecure_port(str(endpoint)))
            cert, key, client_ca = pem_files(tls)
            credentials = grpc.ssl_server_credentials([(key, cert)], client_ca, client_ca is not None)
            return int(self._server.add_secure_port(str(endpoint), credentials))
        except RuntimeError as error:
            raise BridgeError(f"can't listen on {endpoint}: {error}; set receive.grpc.endpoint") from None

    def _service(self, signal: Signal, name: str) -> Any:
        # On the wire unary and client-streaming calls look the same. As the latter the handler runs before the
        # message is read, so that it decides who may send, and how many messages are in memory at once.
        handler = grpc.stream_unary_rpc_method_handler(self._export(signal))
        return grpc.method_handlers_generic_handler(name, {"Export": handler})

    def _export(self, signal: Signal) -> Callable[[Any, Any], Awaitable[bytes]]:
        async def export(_: Any, context: Any) -> bytes:
            outcome = await self._outcome(signal, context)
            if isinstance(outcome, Refused):
                await _abort(context, outcome)
            return outcome

        return export

    async def _outcome(self, signal: Signal, context: Any) -> bytes | Refused:
        """The response, or what is to be said in place of it; grpc would make UNKNOWN of anything raised."""
        try:
            body = await self._admitted(context)
        except Refused as refusal:
            self._receiver.count_refusal(refusal)
            return refusal
        try:
            answer = await self._receiver.answer(signal, "protobuf", body)
            return status.response_body(signal, answer, "protobuf")
        except Refused as refusal:
            return refusal
        finally:
            self._receiver.in_flight.release(len(body))

    async def _admitted(self, context: Any) -> bytes:
        """The request's message, read and accounted for."""
        metadata = dict(context.invocation_metadata() or ())
        self._tokens.check(str(metadata.get("authorization", "")).encode())
        peer = context.peer()
        try:
            async with self._turns.turn(peer, self._read_within_s):
                body: Any = await context.read()
        except TimeoutError:
            raise Unavailable(
                "the request took too long to arrive; repeat it", self._receiver.retry_after
            ) from None
        if not isinstance(body, bytes):
            raise Malformed("the call has no message; send one Export request")
        self._turns.arrived(peer)
        self._receiver.in_flight.add(len(body))
        return body


def _is(task: "asyncio.Task[Any]", name: str) -> bool:
    return name in getattr(task.get_coro(), "__qualname__", "")


def _heard(task: "asyncio.Task[Any]") -> None:
    """What ended the server was said in our words."""
    if not task.cancelled():
        task.exception()


class _SendersFaults(logging.Filter):
    """What grpc logs as errors, with the bytes of headers: wrong encodings, and senders that are gone."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.msg
        return not (isinstance(said, UnicodeDecodeError) or str(said).startswith(_SENDERS_FAULTS))


_SENDERS_FAULTS = ("Invalid encoding on", "ExecuteBatchError raised")


logging.getLogger("grpc._cython.cygrpc").addFilter(_SendersFaults())


async def _abort(context: Any, refusal: Refused) -> NoReturn:
    """End the call with a code, a text and, in the trailing metadata, the same as `google.rpc.Status`."""
    details = (("grpc-status-details-bin", status.status_protobuf(refusal)),)
    await context.abort(_CODES[status.code(refusal)], status.message(refusal), trailing_metadata=details)
    raise AssertionError("abort raises")


def _options(max_request: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_request),
        ("grpc.max_send_message_length", max_request),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        ("grpc.max_connection_age_ms", CONNECTION_AGE_MS),
        ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_MS),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.so_reuseport", 0),
    ]
