"""The answer to OpenLineage's `POST /lineage/batch`: which events failed, and whether to send them again."""

import msgspec

from otel_bridge.deliver.outcome import ANSWER_LIMIT, DELIVERED, Outcome, Rejected, Retry

LIMIT = 128 * 1024
"""Bytes of an answer that are kept."""


class _Summary(msgspec.Struct, frozen=True):
    failed: int = 0


class _Failed(msgspec.Struct, frozen=True):
    index: int
    reason: str | None = None
    retriable: bool = False


class _Answer(msgspec.Struct, frozen=True):
    status: str = "success"
    summary: _Summary = _Summary()
    failed_events: tuple[_Failed, ...] = ()


def outcomes(body: bytes, sent: int) -> list[Outcome] | None:
    """What a 2xx answer says of each event of a batch; None if it does not tell which failed.

    >>> outcomes(b'{"status": "partial_success", "summary": {"failed": 1}, "failed_events": [{"index": 1}]}', 2)
    [Delivered(), Rejected(reason='refused without a reason', status=None, answer='')]
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:  # no JSON: the status has to do, unless the rest was cut off
        return None if len(body) >= LIMIT else [DELIVERED] * sent
    failed = {item.index: item for item in answer.failed_events}
    known = answer.status != "partial_success" or failed
    if not known or len(failed) < answer.summary.failed or not all(0 <= index < sent for index in failed):
        return None
    return [_outcome(failed[i]) if i in failed else DELIVERED for i in range(sent)]


def of_one(body: bytes) -> Outcome:
    """The same for an event that was sent alone; one that can't be told is refused, and its answer kept."""
    found = outcomes(body, 1)
    if found:
        return found[0]
    text = body[:ANSWER_LIMIT].decode("utf-8", "replace")
    return Rejected("the answer does not say what became of the event", None, text)


def _outcome(failed: _Failed) -> Outcome:
    reason = " ".join((failed.reason or "").split())[:200] or "refused without a reason"
    return Retry(reason) if failed.retriable else Rejected(reason)
