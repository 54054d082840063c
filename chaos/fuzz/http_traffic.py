"""The HTTP door: kept connections with requests one behind the other, and connections for what breaks framing."""

import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

from chaos.fuzz import answers, http_requests
from chaos.fuzz.answers import Answer
from chaos.fuzz.bodies import Bodies
from chaos.fuzz.http_requests import Sent
from chaos.fuzz.neighbours import Ledger
from chaos.fuzz.outcome import Finding, Outcome

KEPT = 39
AT_ONCE = 20
TIMEOUT_S = 60.0
MAX_RECEIVED = 256 * 1024


class HttpTraffic:
    """Sends to one endpoint, `name` is what the figures call it."""

    name = "HTTP"
    broken_name = "HTTP, raw bytes"

    def __init__(
        self,
        endpoint: str,
        source: Bodies | None,
        ledger: Ledger,
        outcome: Outcome,
        *,
        whole: int,
        broken: int,
    ) -> None:
        self._counts = whole, broken
        host, _, port = endpoint.rpartition(":")
        self._address = (host, int(port))
        self._source = source or Bodies()
        self._ledger = ledger
        self._outcome = outcome
        self._connections: list[_Connection] = []

    def send(self, batch: int, chance: random.Random) -> None:
        """What a batch has for this door."""
        whole, broken = self._counts
        self.whole(batch, whole, chance)
        self.broken(batch, broken, chance)

    def whole(self, batch: int, count: int, chance: random.Random) -> None:
        """So many requests over kept connections, with a neighbour among the requests of each connection."""
        while count > 0:
            rounds = [
                self._some(min(AT_ONCE, count - i), chance)
                for i in range(0, min(count, KEPT * AT_ONCE), AT_ONCE)
            ]
            count -= sum(sum(s.neighbour is None for s in some) for some in rounds)
            self._exchange(batch, rounds)

    def broken(self, batch: int, count: int, chance: random.Random) -> None:
        """So many connections with bytes that need not be HTTP."""
        sent = [http_requests.broken(self._source, chance) for _ in range(count)]
        for start in range(0, count, KEPT):
            some = sent[start : start + KEPT]
            sockets = [self._connect(chance) for _ in some]
            for one, each in zip(some, sockets, strict=True):
                _send_and_end(each, one.data)
            for one, each in zip(some, sockets, strict=True):
                self._judge_broken(batch, one, each)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _some(self, count: int, chance: random.Random) -> list[Sent]:
        found = [self.hostile(chance) for _ in range(count)]
        found.insert(chance.randint(0, count), self.valid(chance))
        return found

    def hostile(self, chance: random.Random) -> Sent:
        """A hostile request."""
        return http_requests.whole(self._source, chance)

    def valid(self, chance: random.Random) -> Sent:
        """A neighbour."""
        return http_requests.valid(self._ledger.make(chance), chance)

    def taken(self, answer: Answer) -> bool:
        """Whether a neighbour was taken, all of it."""
        return answer.status == 200 and answer.body in {b"", b"{}"}

    def complaint(self, answer: Answer, one: Sent) -> str:
        """What is wrong with an answer to a hostile request."""
        return answers.complaint(answer, one.signal, one.head_only)

    def _exchange(self, batch: int, rounds: Sequence[list[Sent]]) -> None:
        while len(self._connections) < len(rounds):
            self._connections.append(_Connection(self._address))
        used = self._connections[: len(rounds)]
        for connection, some in zip(used, rounds, strict=True):
            connection.send(b"".join(one.data for one in some))
        for connection, some in zip(used, rounds, strict=True):
            self._receive(batch, connection, some)
            connection.used = True
        self._connections = [c for c in self._connections if not c.ended]

    def _receive(self, batch: int, connection: "_Connection", some: list[Sent]) -> None:
        for number, one in enumerate(some):
            try:
                answer = connection.receive(one.head_only)
            except (OSError, ValueError) as error:
                connection.close()
                if connection.used and number == 0:  # it was idle for too long
                    self._again(batch, some)
                else:
                    self._found(batch, one, repr(error))
                return
            self._judge(batch, one, answer)
            if answer.last:
                connection.close()
                self._again(batch, some[number + 1 :])
                return

    def _again(self, batch: int, unanswered: list[Sent]) -> None:
        """The connection ended: what got no answer is sent over another one, as exporters do."""
        if unanswered:
            self._exchange_alone(batch, unanswered)

    def _exchange_alone(self, batch: int, some: list[Sent]) -> None:
        connection = _Connection(self._address)
        connection.send(b"".join(one.data for one in some))
        self._receive(batch, connection, some)
        connection.close()

    def _judge(self, batch: int, one: Sent, answer: Answer) -> None:
        if one.neighbour:
            if self.taken(answer):
                self._ledger.acknowledged(one.neighbour)
            else:
                self._found(batch, one, f"a valid request got {answer.status}: {answer.body[:200]!r}")
            return
        self._outcome.sent(self.name, one.kind)
        self._outcome.answered(self.name, _class(answer))
        if what := self.complaint(answer, one):
            self._found(batch, one, what)

    def _judge_broken(self, batch: int, one: Sent, connection: socket.socket) -> None:
        self._outcome.sent(self.broken_name, one.kind)
        with closing(connection):
            try:
                received = _until_end(connection)
                found = list(_answers(received))
            except ConnectionResetError:
                self._outcome.answered(self.broken_name, "reset")
                return
            except (OSError, ValueError) as error:
                self._found(batch, one, repr(error), self.broken_name)
                return
        self._outcome.answered(self.broken_name, _class(found[-1]) if found else "closed without an answer")
        for answer in found:
            signal = "traces" if answer.status != 200 else one.signal
            what = answers.complaint(answer, signal, head_only=not answer.body and answer.status != 200)
            if what and not _of_both_signals(answer):
                self._found(batch, one, what, self.broken_name)

    def _found(self, batch: int, one: Sent, what: str, door: str = "") -> None:
        self._outcome.found(Finding(batch, door or self.name, one.kind, what, one.data[:4096]))

    def _connect(self, chance: random.Random) -> socket.socket:
        """From one of many addresses of loopback, so that closed connections do not use up the ports."""
        source = (f"127.0.{chance.randint(1, 200)}.{chance.randint(1, 200)}", 0)
        return socket.create_connection(self._address, timeout=TIMEOUT_S, source_address=source)


class _Connection:
    """A kept connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.ended = False
        self.used = False

    def send(self, data: bytes) -> None:
        """Send; if the other side ended the connection early, its answer says why."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def receive(self, head_only: bool) -> Answer:
        """The next answer, `100 Continue` left out.

        Raises:
            ValueError, OSError: there is none.
        """
        while True:
            found = answers.first_of(self._received, head_only)
            if found:
                self._received = self._received[found[1] :]
                if found[0].status != 100:
                    return found[0]
                continue
            piece = self._socket.recv(65536)
            if not piece:
                raise ValueError("the connection was closed without an answer")
            self._received += piece

    def close(self) -> None:
        """Close it; it is used no more."""
        self.ended = True
        self._socket.close()


def _send_and_end(connection: socket.socket, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError, OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def _until_end(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
        if len(received) > MAX_RECEIVED:
            raise ValueError("an answer without an end")
    return received


def _answers(received: bytes) -> Iterator[Answer]:
    """All answers; one to a HEAD request shows by the next that follows its head at once."""
    while received:
        found = answers.first_of(received) or answers.first_of(received, head_only=True)
        if found is None:
            raise ValueError(f"half an answer: {received[:100]!r}")
        received = received[found[1] :]
        if found[0].status != 100:
            yield found[0]


def _of_both_signals(answer: Answer) -> bool:
    """After random bytes a request may be for the other signal."""
    return answer.status == 200 and not all(
        answers.complaint(answer, s) for s in ("traces", "logs", "metrics")
    )


def _class(answer: Answer) -> str:
    if answer.status == 200 and answer.body not in {b"", b"{}"}:
        return "200, partial success"
    return str(answer.status)
