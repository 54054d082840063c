"""Events of other producers at the receiving process: one entry for door and queue, and the door of the API."""

import asyncio
import gzip
import http.client
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.journal import AcceptedLog, AcceptedReader, GroupCommit, prepare, sums
from otel_bridge.model import Kind, Malformed, TooLarge, Unavailable, Unsupported
from otel_bridge.openlineage import foreign
from otel_bridge.receive import Receiver, Selection, ack
from otel_bridge.receive.ack import Answer
from otel_bridge.receive.doors import Intake, open_intake
from otel_bridge.settings import Journal
from tests.openlineage.foreign_events import PRODUCERS, RUN, body, event, lines
from tests.receive.serving import MARKERS, Recording, Served, receive, serving


def answers(*bodies: bytes, journal: Any = None, **limits: Any) -> list[Answer]:
    async def each() -> list[Answer]:
        settings = receive(**limits)
        receiver = Receiver(Selection(MARKERS, settings, 1.0), journal or Recording(), settings)
        return [await receiver.answer("lineage", "json", content) for content in bodies]

    return asyncio.run(each())


def array(*bodies: bytes) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


@pytest.mark.parametrize("producer", PRODUCERS)
def test_events_are_kept_as_they_came(producer: str) -> None:
    single, batch, wrapped = Recording(), Recording(), Recording()
    sent = lines(producer)
    assert answers(*sent, journal=single) == [Answer(received=1)] * len(sent)
    assert answers(array(*sent), journal=batch) == [Answer(received=len(sent), array=True)]
    assert answers(b' {"events" :%s}\n' % array(*sent), journal=wrapped) == [
        Answer(received=len(sent), array=True)
    ]
    assert [row.payload for row in single.rows] == sent
    assert single.rows == batch.rows == wrapped.rows
    assert {row.kind for row in single.rows} == {Kind.EVENT}
    assert len({row.key for row in single.rows}) == len(sent)


def test_what_is_wrong_is_rejected_and_the_rest_kept() -> None:
    journal = Recording()
    [answer] = answers(array(body(), b"7", body("start"), body("COMPLETE")), journal=journal)
    assert (answer.rejected, answer.received, answer.array) == (2, 4, True)
    assert [failed.index for failed in answer.failures] == [1, 2]
    assert answer.failures[0].reason == "an event is a JSON object"
    assert answer.failures[1].reason.startswith("eventType: is `start`")
    assert [row.payload for row in journal.rows] == [body(), body("COMPLETE")]
    [tally] = journal.tallies
    assert (tally.received, tally.not_lineage, tally.rejected) == (4, 0, {foreign.INVALID_EVENT: 2})


def test_an_event_that_is_nested_too_deep_is_rejected_alone() -> None:
    journal = Recording()
    deep = body(run={"runId": RUN, "facets": {"f": {"v": None}}}).replace(b"null", b"[" * 300 + b"]" * 300)
    [answer] = answers(array(body(), deep), journal=journal)
    assert [(failed.index, failed.reason) for failed in answer.failures] == [(1, foreign.TOO_DEEP)]
    assert [row.payload for row in journal.rows] == [body()]


def test_a_large_request_becomes_durable_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that others wait for the disk no longer than a portion takes; each is counted with what it holds."""
    monkeypatch.setattr(ack, "COMMIT_ROWS", 3)
    monkeypatch.setattr(ack, "COMMIT_BYTES", 5000)
    journal = Recording()
    sent = [body(producer=f"https://example.org/{'x' * (4000 if n == 4 else n)}") for n in range(8)]
    [answer] = answers(array(b"{}", *sent), journal=journal)
    assert (answer.received, answer.rejected) == (9, 1)
    assert [row.payload for row in journal.rows] == sent
    assert [(tally.received, tally.rejected) for tally in journal.tallies] == [
        (3, {}), (2, {}), (4, {"invalid_event": 1}),
    ]  # fmt: skip


def test_a_single_invalid_event_is_counted_too() -> None:
    journal = Recording()
    [answer] = answers(body("start"), journal=journal)
    assert (answer.rejected, answer.array, len(journal.rows)) == (1, False, 0)
    assert answer.message.endswith("Correct what emits it.")
    assert journal.tallies[0].rejected == {foreign.INVALID_EVENT: 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[" + body(), b"[1,]", b"\xff\xfe", b"<event/>", b"[NaN]"])
def test_what_is_no_json_is_refused_whole(content: bytes) -> None:
    journal = Recording()
    with pytest.raises(Malformed, match="send OpenLineage events as UTF-8 JSON"):
        answers(content, journal=journal)
    assert (journal.rows, journal.tallies) == ([], [])


@pytest.mark.parametrize(("content", "reason"), [
    (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 256"),
    (b"[" + b"0," * 2_000_000 + b"0]", "more than 2000000 values"),
    (b"[" + b"0," * 10_000 + b"0]", "more than 10000 events"),
])  # fmt: skip
def test_bounded_work(content: bytes, reason: str) -> None:
    with pytest.raises(TooLarge, match=reason):
        answers(content)


def test_compressed_bodies_and_other_encodings() -> None:
    async def all_of_them() -> list[Answer]:
        settings = receive()
        receiver = Receiver(Selection(MARKERS, settings, 1.0), Recording(), settings)
        packed = {"gzip": gzip.compress(body()), "deflate": zlib.compress(body()), "identity": body()}
        taken = [await receiver.answer("lineage", "json", each, name) for name, each in packed.items()]
        with pytest.raises(Unsupported):
            await receiver.answer("lineage", "json", body(), "br")
        return taken

    assert asyncio.run(all_of_them()) == [Answer(received=1)] * 3


def test_a_bomb_is_refused() -> None:
    packed = gzip.compress(array(*[body()] * 1000))
    with serving(receive(max_request=100_000)) as served:
        with pytest.raises(TooLarge):
            served.run(served.receiver.answer("lineage", "json", packed, "gzip"))
        assert served.receiver.in_flight.size == 0


def test_trouble_with_the_journal_is_passed_on() -> None:
    journal = Recording()
    journal.trouble = Unavailable("the disk is full", 7)
    with pytest.raises(Unavailable, match="the disk is full"):
        answers(body(), journal=journal)


def test_copies_are_recognised_however_they_are_written(tmp_path: Path) -> None:
    prepare(tmp_path)
    spread = json.dumps(dict(reversed(event().items())), indent=2).encode()

    async def send() -> None:
        settings = receive()
        journal = GroupCommit(AcceptedLog.open(tmp_path, Journal()))
        receiver = Receiver(Selection(MARKERS, settings, 1.0), journal, settings)
        await receiver.answer("lineage", "json", body())
        await receiver.answer("lineage", "json", array(body(), spread, body("COMPLETE"), b"{}"))
        await journal.close()

    asyncio.run(send())
    found = sums(tmp_path)
    assert (found.received, found.duplicate, found.rejected, found.accepted) == (
        5,
        2,
        {"invalid_event": 1},
        2,
    )
    assert [row.payload for row in AcceptedReader(tmp_path).read(0, 10)] == [body(), body("COMPLETE")]


class Door:
    """The door of the API, and a client that has its address."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.intake: Intake = served.run(open_intake(served.receiver, receive()))
        self.address = self.intake.address

    def post(
        self, path: str, content: bytes, method: str = "POST", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        host, _, port = self.address["endpoint"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {self.address['token']}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, content, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture
def door(served: Served) -> Iterator[Door]:
    opened = Door(served)
    yield opened
    served.run(opened.intake.stop(1.0))


def test_answers_of_the_door(door: Door) -> None:
    status, headers, answer = door.post("/api/v1/lineage", body())
    assert (status, headers["Content-Length"], answer) == (201, "0", b"")
    status, headers, answer = door.post("/api/v1/lineage/batch", array(body()))
    assert (status, headers["Content-Length"], headers["Content-Type"], answer) == (204, None, None, b"")
    status, _, answer = door.post("/api/v1/lineage/batch", array(body(), body("start")))
    assert (status, json.loads(answer)) == (200, {
        "status": "partial_success",
        "summary": {"received": 2, "successful": 1, "failed": 1, "retriable": 0, "non_retriable": 1},
        "failed_events": [{
            "index": 1, "retriable": False,
            "reason": "eventType: is `start`, must be one of START, RUNNING, COMPLETE, ABORT, FAIL, OTHER",
        }],
    })  # fmt: skip
    assert len(door.served.journal.rows) == 3


@pytest.mark.parametrize(("content", "status", "said"), [
    (b"{", 400, "no JSON"),
    (b"{}", 422, "it has no run, no job and no dataset"),
    (b"[" * 1000 + b"]" * 1000, 413, "nested deeper"),
])  # fmt: skip
def test_refusals_say_why(door: Door, content: bytes, status: int, said: str) -> None:
    found, headers, answer = door.post("/api/v1/lineage", content)
    assert (found, headers["Content-Type"]) == (status, "application/json")
    assert said in json.loads(answer)["error"]


def test_only_json_and_only_events(door: Door) -> None:
    assert door.post("/api/v1/lineage", body(), Content_Type="application/x-protobuf")[0] == 415
    assert door.post("/api/v1/lineage", body(), Content_Type="application/json; charset=UTF-8")[0] == 201
    assert door.post("/v1/traces", b"")[0] == 404
    assert door.post("/api/v1/lineage", b"", method="GET")[0] == 405


def test_trouble_is_retryable(door: Door) -> None:
    door.served.journal.trouble = Unavailable("the disk is full", 7)
    status, headers, answer = door.post("/api/v1/lineage", body())
    assert (status, headers["Retry-After"]) == (503, "7")
    assert "the disk is full" in json.loads(answer)["error"]


def test_nobody_else_gets_in(door: Door) -> None:
    assert door.post("/api/v1/lineage", body(), Authorization="Bearer guess")[0] == 401
    assert door.served.journal.rows == []
    other = Door(door.served)
    assert other.address["token"] != door.address["token"]
    door.served.run(other.intake.stop(1.0))


def test_the_public_doors_take_no_events(served: Served) -> None:
    assert served.post("/api/v1/lineage", body(), "application/json")[0] == 404


def test_large_requests_are_read_beside_the_loop(door: Door) -> None:
    facets = {"f": {"v": "x" * 100_000}}
    content = body(run={"runId": RUN, "facets": facets})
    assert door.post("/api/v1/lineage", content)[0] == 201
    assert door.served.journal.rows[-1].payload == content
