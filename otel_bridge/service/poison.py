"""Wishes about messages that could not be taken: tried again by the running bridge, or given up."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import replace

from otel_bridge.journal import AcceptedLog, GroupCommit, PoisonReader, Wish
from otel_bridge.model import BridgeError, Defect, Poison, Refused, Unavailable
from otel_bridge.receive import Receiver
from otel_bridge.receive.kafka_source import put_through

LOOK_EVERY_S = 0.5
WISHES_KEPT_NS = 86_400 * 10**9

log = structlog.get_logger()


class Retries:
    """Carries out `retry_poison` and `drop_poison`."""

    def __init__(self, directory: Path, journal: GroupCommit, receiver: Receiver) -> None:
        self._reader = PoisonReader(directory)
        self._journal = journal
        self._receiver = receiver

    async def run(self) -> None:
        """Until cancelled; a wish that can't be carried out now is tried again."""
        while True:
            try:
                for wish in await asyncio.to_thread(self._reader.wishes):
                    await self._carry_out(wish)
            except BridgeError as error:
                log.info("wishes about kept messages wait", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _carry_out(self, wish: Wish) -> None:
        seqs = await asyncio.to_thread(self._seqs, wish)
        match wish.command:
            case "retry_poison":
                outcome = await self._retry(wish.target, seqs)
            case "drop_poison":
                number = await self._journal.perform(lambda accepted: accepted.forget_poison(seqs))
                outcome = f"{number} messages of {wish.target} given up"
            case unknown:
                outcome = f"nobody knows how to {unknown!r}"
        forget_ns = time.time_ns() - WISHES_KEPT_NS
        await self._journal.perform(lambda accepted: accepted.finish(wish.id, outcome, forget_ns))

    def _seqs(self, wish: Wish) -> list[int]:
        """Those asked for that are kept."""
        kept = self._reader.seqs(wish.target)
        if wish.argument.get("all") is True:
            return kept
        asked: Any = wish.argument.get("seqs")
        return [seq for seq in kept if seq in asked] if isinstance(asked, list) else []

    async def _retry(self, source: str, seqs: Sequence[int]) -> str:
        taken, reason = 0, ""
        for seq in seqs:
            message = await asyncio.to_thread(self._reader.message, source, seq)
            if message is None:
                continue
            why = await self._answered(message)
            await self._journal.perform(partial(_note, seq, why))
            taken, reason = taken + (not why), why or reason
        left = f"; {len(seqs) - taken} still can't be, the last one because: {reason}" if reason else ""
        return f"{taken} messages of {source} taken{left}"

    async def _answered(self, message: Poison) -> str:
        """Why a message can't be taken, or not whole; "" if it was."""
        try:
            answer = await put_through(
                self._receiver, message.content, message.encoding, message.payload,
                lambda reason: replace(message, reason=reason),
            )  # fmt: skip
        except Defect as defect:
            return f"{defect}; the log has the details"
        except Unavailable:
            raise
        except Refused as refusal:
            return str(refusal)
        return answer.message if answer.rejected else ""


def _note(seq: int, why: str, accepted: AcceptedLog) -> None:
    """An attempt is over: the message was taken, or stays for this reason."""
    if why:
        accepted.explain_poison(seq, why)
    else:
        accepted.forget_poison([seq])
