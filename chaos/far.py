"""Where events arrive: HTTP endpoints that misbehave by plan, and a file that is moved away. They log what they got.

An `Arrival` is one body as it was read, and whether the bridge was told that it is kept. A body whose answer got
lost has arrived: a consumer may well have stored it.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from otel_bridge.testing import Sink
from otel_bridge.testing.sink import Answer, Request, Trouble

RETRY = {"first": "50ms", "longest": "500ms"}
TIMEOUT = "1s"
SLOW_S = 0.3

FAULTS: dict[str, Answer | Trouble] = {
    "500": Answer(500, b"broken"),
    "503": Answer(503, b"away"),
    "429": Answer(429, b"too many", {"Retry-After": "1"}),
    "hang": Trouble.HANG,
    "reset": Trouble.RESET,
    "half answer": Trouble.HALF,
    "slow": Answer(201, delay_s=SLOW_S),
}
RUDE = ("500", "hang", "reset", "half answer")
POLITE = ("429", "503", "slow", "reset")
LENGTHS = {"429": 2, "503": 4, "hang": 4, "half answer": 6, "500": 20, "reset": 12, "slow": 16}


class Arrival(msgspec.Struct, frozen=True):
    """One event at a destination; `told` if the bridge knows that it is there."""

    body: bytes
    told: bool = True


class Far(Protocol):
    """A destination of the bridge, `name` in its configuration. `served` counts what it did to it."""

    name: str
    served: Counter[str]

    @property
    def destination(self) -> dict[str, object]:
        """As in the bridge's configuration."""

    def arrivals(self) -> Iterable[Arrival]:
        """Everything that was read, in order."""

    def down(self) -> None:
        """Be out of reach until `up`."""

    def up(self) -> None:
        """Be there again."""

    def recover(self) -> None:
        """No further faults."""

    def stop(self) -> None:
        """End."""


class Window(msgspec.Struct, frozen=True):
    """From which request on, and for how many, a fault lasts."""

    first: int
    length: int
    fault: str


def windows(seed: str, faults: Sequence[str], requests: int, every: int) -> list[Window]:
    """Faults over a number of requests, about one in `every`."""
    rng = random.Random(f"windows {seed}")
    found, at = [], rng.randint(5, every)
    while at < requests:
        fault = rng.choice(faults)
        found.append(Window(at, rng.randint(1, LENGTHS[fault]), fault))
        at += found[-1].length + rng.randint(every // 2, every * 3 // 2)
    return found


class HttpFar:
    """A `Sink` that follows its windows, and writes each body to a file in the order of arrival."""

    def __init__(self, name: str, directory: Path, planned: Sequence[Window]) -> None:
        self.name = name
        self.served: Counter[str] = Counter()
        self._file = directory / f"{name}.arrivals"
        self._open = self._file.open("ab", buffering=0)
        self._windows = list(planned)
        self._lock = threading.Lock()
        self.sink = Sink()
        self.sink.behave(self._behave)
        self.sink.start()

    @property
    def destination(self) -> dict[str, object]:
        """As in the bridge's configuration."""
        return {"name": self.name, "type": "http", "url": self.sink.url, "timeout": TIMEOUT, "retry": RETRY}

    def arrivals(self) -> Iterator[Arrival]:
        """Everything that was read, in order."""
        for line in self._file.read_bytes().splitlines():
            yield Arrival(line[1:], line[:1] == b"+")

    def down(self) -> None:
        """Close the port."""
        self.served["gone"] += 1
        self.sink.down()

    def up(self) -> None:
        """Open it again."""
        self.sink.up()

    def recover(self) -> None:
        """No further faults."""
        with self._lock:
            self._windows.clear()
        self.up()

    def stop(self) -> None:
        """Close the port."""
        self.sink.stop()
        self._open.close()

    def _behave(self, request: Request) -> Answer | Trouble | None:
        with self._lock:
            fault = self._fault(request.number)
            result = FAULTS[fault] if fault else Answer(201)
            told = isinstance(result, Answer) and result.status == 201
            self._open.write((b"+" if told else b"-") + request.body + b"\n")
            self.served[fault or "taken"] += 1
        return result

    def _fault(self, number: int) -> str:
        while self._windows and number >= self._windows[0].first + self._windows[0].length:
            del self._windows[0]
        inside = self._windows and number >= self._windows[0].first
        return self._windows[0].fault if inside else ""


class FileFar:
    """The file destination. `move` renames the file, as a rotation would; `down` puts a folder in its place."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.served: Counter[str] = Counter()
        self._path = path
        self._moved: list[Path] = []

    @property
    def destination(self) -> dict[str, object]:
        """As in the bridge's configuration."""
        return {"name": self.name, "type": "file", "path": str(self._path), "retry": RETRY}

    def move(self) -> None:
        """Rename what is there."""
        if self._path.is_file():
            self._moved.append(self._path.with_name(f"{self._path.name}.{len(self._moved)}"))
            self._path.replace(self._moved[-1])
            self.served["file moved"] += 1

    def down(self) -> None:
        """No file can be opened there until `up`."""
        self.move()
        try:
            self._path.mkdir(parents=True)
        except FileExistsError:
            return  # the bridge was faster
        self.served["file blocked"] += 1

    def up(self) -> None:
        """Free the path."""
        if self._path.is_dir():
            self._path.rmdir()

    recover = up

    def arrivals(self) -> Iterator[Arrival]:
        """All lines, in order; a torn one at the end of a moved file is none, as its event is written again."""
        for file in (*self._moved, self._path):
            content = file.read_bytes() if file.is_file() else b""
            for line in content[: content.rfind(b"\n") + 1].splitlines():
                yield Arrival(line)

    def stop(self) -> None:
        """Nothing to close."""
