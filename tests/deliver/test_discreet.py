"""Secrets of a destination are taken out of what is said about an event, and out of nothing else."""

import asyncio

import pytest
from delivering import event

from otel_bridge.deliver.discreet import Discreet
from otel_bridge.deliver.outcome import DELIVERED, Outcome, Rejected, Retry
from otel_bridge.model import Event
from otel_bridge.redaction import Redactor

SECRET = "s3cret-of-a-destination"


class Recorder:
    """A sender that keeps what it is given and answers what it was told to."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.bodies: list[bytes] = []

    async def start(self) -> None: ...

    async def send(self, body: bytes, _: Event) -> Outcome:
        self.bodies.append(body)
        return self.outcome

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    "outcome", [DELIVERED, Retry(f"said {SECRET}"), Rejected(f"said {SECRET}", 400, SECRET)]
)
def test_the_event_is_sent_as_it_is(outcome: Outcome) -> None:
    recorder = Recorder(outcome)
    body = f'{{"job": {{"name": "{SECRET}"}}, "password": "hunter2"}}'.encode()
    got = asyncio.run(Discreet(recorder, Redactor([SECRET])).send(body, event("r")))
    assert recorder.bodies == [body]
    assert SECRET not in repr(got)
