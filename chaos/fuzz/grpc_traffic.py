"""The gRPC door: many calls at once on kept connections, and connections with wrong frames."""

import random
from collections import deque
from contextlib import closing

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from chaos.fuzz import answers, grpc_requests, h2
from chaos.fuzz.bodies import Bodies
from chaos.fuzz.grpc_requests import Call
from chaos.fuzz.h2 import ClosedError, Http2, Reply
from chaos.fuzz.neighbours import Ledger
from chaos.fuzz.outcome import Finding, Outcome

AT_ONCE = 48
CALLS_OF_A_CONNECTION = 2000
CANCELLED = 1


class GrpcTraffic:
    """Sends to one endpoint."""

    name = "gRPC"
    broken_name = "gRPC, raw frames"

    def __init__(
        self, endpoint: str, source: Bodies, ledger: Ledger, outcome: Outcome, *, whole: int, broken: int
    ) -> None:
        self._counts = whole, broken
        host, _, port = endpoint.rpartition(":")
        self._address = (host, int(port))
        self._source = source
        self._ledger = ledger
        self._outcome = outcome
        self._connection: Http2 | None = None

    def send(self, batch: int, chance: random.Random) -> None:
        """What a batch has for this door."""
        whole, broken = self._counts
        self.whole(batch, whole, chance)
        self.broken(batch, broken, chance)

    def whole(self, batch: int, count: int, chance: random.Random) -> None:
        """So many calls over a kept connection, and a neighbour among each dozen."""
        calls = deque(grpc_requests.hostile(self._source, chance) for _ in range(count))
        for at in range(0, count, AT_ONCE):
            calls.insert(at + at // AT_ONCE, grpc_requests.valid(self._ledger.make(chance), chance))
        tries = 0
        while calls:
            some = self._next(calls, chance)
            again = self._exchange(batch, some, chance)
            tries = tries + 1 if len(again) == len(some) else 0
            if tries > 5:
                self._found(batch, again[0], "no answer in three connections")
                again.pop(0)
            calls.extendleft(reversed(again))

    def broken(self, batch: int, count: int, chance: random.Random) -> None:
        """So many connections with wrong frames."""
        for _ in range(count):
            kind, frames = grpc_requests.bad_frames(self._source, chance)
            self._outcome.sent(self.broken_name, kind)
            with closing(Http2(self._address, chance)) as connection:
                connection.send(h2.opening() + frames)
                connection.half_close()
                how = self._until_end(batch, kind, connection, frames)
            self._outcome.answered(self.broken_name, how)

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _next(self, calls: deque[Call], chance: random.Random) -> list[Call]:
        """As many as the connection's window allows."""
        connection = self._open(chance)
        if connection.window < len(calls[0].data):
            self.close()
            connection = self._open(chance)
        some, left = [], connection.window
        while calls and len(some) < AT_ONCE and len(calls[0].data) <= left:
            left -= len(calls[0].data)
            some.append(calls.popleft())
        return some

    def _open(self, chance: random.Random) -> Http2:
        used_up = self._connection and self._connection.next_stream > 2 * CALLS_OF_A_CONNECTION
        if self._connection and (self._connection.going_away or used_up):
            self.close()
        if self._connection is None:
            self._connection = Http2(self._address, chance)
            self._connection.send(h2.opening())
        return self._connection

    def _exchange(self, batch: int, some: list[Call], chance: random.Random) -> list[Call]:
        """Send and judge; returns what got no answer because the connection ended."""
        connection = self._open(chance)
        streams = {connection.next_stream + 2 * i: call for i, call in enumerate(some)}
        connection.next_stream += 2 * len(some)
        connection.window -= sum(len(call.data) for call in some)
        connection.send(b"".join(h2.call(stream, c.path, c.data, c.more) for stream, c in streams.items()))
        try:
            while not all(
                stream in connection.replies and connection.replies[stream].ended for stream in streams
            ):
                connection.read()
        except ClosedError:
            self.close()
        except (OSError, ValueError) as error:
            self._found(batch, some[0], f"{error!r} on the connection of this call and {len(some) - 1} more")
            self.close()
            return []
        return self._judged(batch, streams, connection.replies)

    def _judged(self, batch: int, streams: dict[int, Call], replies: dict[int, Reply]) -> list[Call]:
        unanswered = []
        for stream, call in streams.items():
            reply = replies.pop(stream, None)
            if reply is None or not reply.ended or reply.code == CANCELLED:
                self._closed(call) if call.kind == "odd headers" else unanswered.append(call)
            elif call.neighbour:
                self._neighbour(batch, call, reply)
            else:
                self._judge(batch, call, reply)
        return unanswered

    def _closed(self, call: Call) -> None:
        """A path that is not UTF-8 ends connections; the calls beside it are repeated, as exporters do."""
        self._outcome.sent(self.name, call.kind)
        self._outcome.answered(self.name, "closed")

    def _neighbour(self, batch: int, call: Call, reply: Reply) -> None:
        assert call.neighbour
        if reply.code == 0 and reply.body == bytes(5):
            self._ledger.acknowledged(call.neighbour)
        else:
            self._found(batch, call, f"a valid request got {reply.code}: {reply.fields}")

    def _judge(self, batch: int, call: Call, reply: Reply) -> None:
        self._outcome.sent(self.name, call.kind)
        self._outcome.answered(self.name, _class(reply))
        allowed = answers.MESSAGE_CODES if call.framed else answers.FRAMING_CODES
        odd = reply.code == -1 and not call.framed
        if reply.code not in allowed and not odd:
            self._found(batch, call, f"code {reply.code}: {reply.fields.get('grpc-message')}")
        elif call.framed and (what := _fault(reply)):
            self._found(batch, call, what)

    def _until_end(self, batch: int, kind: str, connection: Http2, frames: bytes) -> str:
        try:
            while True:
                connection.read()
        except ClosedError:
            return "closed after GOAWAY" if connection.going_away else "closed"
        except (OSError, ValueError) as error:
            self._outcome.found(Finding(batch, self.broken_name, kind, repr(error), frames[:4096]))
            return "wrong"

    def _found(self, batch: int, call: Call, what: str) -> None:
        self._outcome.found(Finding(batch, self.name, call.kind, what, call.data[:4096]))


def _fault(reply: Reply) -> str:
    """What is wrong with an answer to a call whose framing is right."""
    if reply.code == 0:
        prefix, message = reply.body[:5], reply.body[5:]
        whole = len(prefix) == 5 and int.from_bytes(prefix[1:], "big") == len(message)
        return "" if whole else f"a response that is not whole: {reply.body[:60]!r}"
    details = reply.fields.get("grpc-status-details-bin", "")
    if reply.code == 8 and not details:
        return ""  # gRPC's own limit of size
    try:
        said = Status.FromString(_unbase64(details))
    except (ValueError, DecodeError) as error:
        return f"details can't be read: {error!r}"
    return "" if said.code == reply.code and said.message else f"details say {said.code} {said.message!r}"


def _unbase64(text: str) -> bytes:
    import base64

    return base64.b64decode(text + "=" * (-len(text) % 4))


def _class(reply: Reply) -> str:
    if reply.code == 0 and len(reply.body) > 5:
        return "0, partial success"
    if reply.code < 0:
        return "stream reset" if reply.reset else f"HTTP {reply.fields.get(':status', '?')}"
    return str(reply.code)
