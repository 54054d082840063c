"""What the gRPC door does before it reads a message: who may send, and how many at once."""

import threading
from collections.abc import Iterator

import grpc
import pytest

from otel_bridge.receive.turns import MOST
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


def test_senders_that_stall_make_room_for_others(served: Served) -> None:
    """Though they may take as long as they like when nobody waits."""
    release = threading.Event()
    stalling = [grpc.insecure_channel(served.grpc_address, [("x", n)]) for n in range(3)]
    calls = [call(channel, stalled(release)) for channel in stalling for _ in range(MOST)]
    with grpc.insecure_channel(served.grpc_address, [("x", 9)]) as channel:
        assert channel.unary_unary(TRACES)(run_request(), timeout=15) == b""
    assert [one.done() for one in calls].count(False) >= MOST - 1
    release.set()
    for channel in stalling:
        channel.close()
