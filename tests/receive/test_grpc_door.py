"""What the gRPC door does before it reads a message: who may send, and how many at once."""

import contextlib
import threading
import time
from collections.abc import Iterator

import grpc
import pytest

from otel_bridge.receive import turns
from otel_bridge.receive.turns import MOST, MOST_OF_NEWCOMERS
from otel_bridge.settings import Duration, Secret
from tests.receive.serving import Served, local, receive, serving
from tests.receive.test_conformance import TRACES, run_request


def stalled(release: threading.Event) -> Iterator[bytes]:
    """A sender that opens a call and does not send."""
    release.wait(30)
    yield from ()


def call(channel: grpc.Channel, request: Iterator[bytes]) -> grpc.Future:
    return channel.stream_unary(TRACES).future(request, timeout=20)


@pytest.fixture
def impatient() -> Iterator[Served]:
    with serving(receive(idle_timeout=Duration(0.5))) as served:
        yield served


def test_senders_that_stall_are_told_to_come_again_and_hold_up_nobody_for_long(impatient: Served) -> None:
    release = threading.Event()
    with grpc.insecure_channel(impatient.grpc_address) as channel:
        calls = [call(channel, stalled(release)) for _ in range(MOST)]
        assert {one.exception().code() for one in calls} == {grpc.StatusCode.UNAVAILABLE}
        release.set()
        assert channel.unary_unary(TRACES)(run_request(), timeout=10) == b""
    assert impatient.journal.received == 1


def test_a_call_without_a_message_is_malformed(served: Served) -> None:
    with grpc.insecure_channel(served.grpc_address) as channel:
        assert call(channel, iter(())).exception().code() == grpc.StatusCode.INVALID_ARGUMENT


def test_without_a_token_nothing_is_read() -> None:
    release = threading.Event()
    with (
        serving(receive(grpc=local(bearer_tokens=(Secret("hush"),)))) as served,
        grpc.insecure_channel(served.grpc_address) as channel,
    ):
        refused = call(channel, stalled(release))
        assert refused.exception().code() == grpc.StatusCode.UNAUTHENTICATED
        release.set()


@contextlib.contextmanager
def stalling(served: Served, senders: int) -> Iterator[list[grpc.Future]]:
    """Calls over so many connections, of which no message comes."""
    release = threading.Event()
    channels = [grpc.insecure_channel(served.grpc_address, [("x", n)]) for n in range(senders)]
    try:
        yield [call(channel, stalled(release)) for channel in channels for _ in range(MOST)]
    finally:
        release.set()
        for channel in channels:
            channel.close()


def test_newcomers_that_stall_are_not_in_the_way_of_who_was_there_before(served: Served) -> None:
    """And they may take as long as they like while nobody waits."""
    with grpc.insecure_channel(served.grpc_address) as channel:
        assert channel.unary_unary(TRACES)(run_request(), timeout=15) == b""
        with stalling(served, MOST_OF_NEWCOMERS) as calls:
            for _ in range(3):
                assert channel.unary_unary(TRACES)(run_request(), timeout=15) == b""
            assert not any(one.done() for one in calls)


def test_newcomers_that_stall_make_room_for_others(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_WITH_NEWCOMERS_S", 0.1)
    with stalling(served, 3 * MOST_OF_NEWCOMERS), grpc.insecure_channel(served.grpc_address) as channel:
        assert channel.unary_unary(TRACES)(run_request(), timeout=15) == b""


def test_who_stalls_is_a_newcomer_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """All turns are taken by connections that sent before; they lose them, and one that sends is served."""
    monkeypatch.setattr(turns, "PATIENCE_S", 0.1)
    release = threading.Event()
    with contextlib.ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(served.grpc_address, [("x", n)])) for n in range(3)
        ]
        for channel in channels:
            channel.unary_unary(TRACES)(run_request(), timeout=15)
        calls = [call(channel, stalled(release)) for channel in channels[:2] for _ in range(MOST)]
        for _ in range(500):
            assert channels[2].unary_unary(TRACES)(run_request(), timeout=15) == b""
            if any(one.done() for one in calls):
                break
            time.sleep(0.02)
        else:
            pytest.fail("those who stall keep their turns")
        release.set()
