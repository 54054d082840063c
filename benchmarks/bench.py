"""One run of the benchmark: the folder, the load generator, the peers, and how much is sent."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks import peers, proc
from benchmarks.load import Generator, Job, Protocol, Result
from benchmarks.payloads import Body, save
from benchmarks.peers import Peer
from benchmarks.sink import Sink
from tests.parts import PartMissing


class Spent(msgspec.Struct, frozen=True):
    """CPU time in microseconds: of the process itself, of each of its children by role, of all."""

    own: float
    roles: dict[str, float]
    all: float


class Bench(msgspec.Struct):
    """What every case works with. `notes` collects what the page must say of this run."""

    directory: Path
    generator: Generator
    rounds: int
    scale: float
    wanted: frozenset[str]
    notes: list[str] = []
    sent: int = 0

    def count(self, full: int) -> int:
        """A number of requests: `full`, or a small part of it in a quick run."""
        return max(4, round(full * self.scale))

    def bodies(self, name: str, bodies: Iterable[Body]) -> str:
        """Lay requests down for the load generator; the file's name."""
        return str(save(bodies, self.directory / f"{name}.msgpack"))

    def send(self, peer: Peer, protocol: Protocol, bodies: str, requests: int, rate: float = 0) -> Result:
        """Send that many requests, none of which has trace ids of an earlier one."""
        job = Job(
            protocol=protocol,
            target=peer.door(protocol),
            bodies=bodies,
            requests=requests,
            rate=rate,
            first=self.sent,
        )
        self.sent += requests
        return self.generator.run(job)

    @contextmanager
    def peers(self, name: str, sink: Sink) -> Iterator[list[Peer]]:
        """The wanted peers, running side by side; one that is not there is noted."""
        folder = self.directory / name
        starts = {
            peers.BRIDGE: lambda: peers.bridge(folder, {"type": "http", "url": sink.url}),
            peers.COLLECTOR: lambda: peers.collector(folder),
            peers.NAIVE: lambda: peers.naive(sink.url),
        }
        with ExitStack() as stack:
            found: list[Peer] = []
            for peer in (name for name in starts if name in self.wanted):
                try:
                    found.append(stack.enter_context(starts[peer]()))
                except PartMissing as missing:
                    self.note(f"The {peer} was not measured: {missing}.")
            yield found

    def note(self, text: str) -> None:
        """Say something on the page, once, and at once on the terminal."""
        if text not in self.notes:
            self.notes.append(text)
            print(f"NOTE: {text}", flush=True)


@contextmanager
def spending(peer: Peer) -> Iterator[list[Spent]]:
    """CPU that the peer spends inside the block; the list has it afterwards."""
    before, found = proc.cpu_by_process(peer.pid), list[Spent]()
    yield found
    after = proc.cpu_by_process(peer.pid)
    used = {pid: (spent - before.get(pid, 0)) / 1000 for pid, spent in after.items()}
    roles: dict[str, float] = {}
    for pid, spent in used.items():
        roles[proc.role(pid)] = roles.get(proc.role(pid), 0) + spent
    found.append(Spent(used[peer.pid], roles, sum(used.values())))
