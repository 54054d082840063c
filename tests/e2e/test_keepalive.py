"""Row 16 of the OTLP server checklist, as far as it takes time."""

import time
from contextlib import ExitStack

import grpc
import pytest

from tests.receive.serving import LOOPS, serving
from tests.receive.test_conformance import TRACES, run_request

pytestmark = pytest.mark.e2e


def test_row_16_keepalive_pings_are_welcome():
    """A client that pings every 5 s without calls; with grpc's defaults it is told to go away. Both loops at once."""
    options = [
        ("grpc.keepalive_time_ms", 5000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with ExitStack() as stack:
        doors = [stack.enter_context(serving(loop=loop)) for loop in LOOPS]
        channels = [
            stack.enter_context(grpc.insecure_channel(d.grpc_address, options=options)) for d in doors
        ]
        seen: list[list[grpc.ChannelConnectivity]] = [[] for _ in channels]
        for channel, states in zip(channels, seen, strict=True):
            channel.unary_unary(TRACES)(run_request(), timeout=20)
            channel.subscribe(states.append)
        time.sleep(16)
        for channel, states in zip(channels, seen, strict=True):
            assert grpc.ChannelConnectivity.TRANSIENT_FAILURE not in states
            assert states.count(grpc.ChannelConnectivity.READY) == 1
            channel.unary_unary(TRACES)(run_request(), timeout=20)
