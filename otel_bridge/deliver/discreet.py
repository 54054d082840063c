"""What a destination says is kept and shown without secrets: its own, and whatever looks like one."""

import msgspec

from otel_bridge.deliver.outcome import Delivered, Outcome, Rejected
from otel_bridge.deliver.sender import Sender
from otel_bridge.model import BridgeError, Event
from otel_bridge.openlineage.secrets import mask_text
from otel_bridge.redaction import Redactor


class DestinationError(BridgeError):
    """What a kind of destination raised, in words without secrets."""


class Discreet:
    """A sender whose outcomes hold no secrets."""

    def __init__(self, sender: Sender, redact: Redactor) -> None:
        self._sender = sender
        self._redact = redact

    async def start(self) -> None:
        """Start the sender."""
        try:
            await self._sender.start()
        except Exception as error:
            raise self._defect(error) from error

    async def send(self, body: bytes, event: Event) -> Outcome:
        """One attempt."""
        try:
            outcome = await self._sender.send(body, event)
        except Exception as error:
            raise self._defect(error) from error
        if isinstance(outcome, Delivered):
            return outcome
        if isinstance(outcome, Rejected):
            outcome = msgspec.structs.replace(outcome, answer=self._without(outcome.answer))
        return msgspec.structs.replace(outcome, reason=self._without(outcome.reason))

    async def close(self) -> None:
        """Close the sender."""
        await self._sender.close()

    def _defect(self, error: Exception) -> "DestinationError":
        name = "" if isinstance(error, BridgeError) else f"{type(error).__name__}: "
        return DestinationError(self._without(f"{name}{error}"))

    def _without(self, text: str) -> str:
        return mask_text(self._redact(text))
