"""The answer to OpenLineage's `POST /lineage/batch`: which events failed, and whether to send them again.

The specification writes `failed_events`, OpenMetadata `failedEvents`. Servers that answer 2xx with anything else, such as
`null` or `{"status": "ok"}`, have taken all.
"""

import re
from typing import Any

import msgspec

from otel_bridge.deliver.outcome import ANSWER_LIMIT, DELIVERED, Outcome, Rejected, Retry

LIMIT = 128 * 1024
"""Bytes of an answer that are kept."""

FAILED_STATUS = re.compile("partial|fail|error", re.IGNORECASE)
FAILED_PARTS = ("failed_events", "failedEvents", "error", "errors")


class _Summary(msgspec.Struct, frozen=True):
    failed: int | None = None


class _Failed(msgspec.Struct, frozen=True):
    index: int
    reason: str | None = None
    retriable: bool = False


class _Answer(msgspec.Struct, frozen=True):
    summary: _Summary = _Summary()
    failed_events: tuple[_Failed, ...] = ()
    failedEvents: tuple[_Failed, ...] = ()  # noqa: N815 - the name in the answer

    @property
    def tells(self) -> bool:
        """Whether it says how many failed. OpenMetadata's events can be partly successful, and none failed."""
        return bool(self.failed) or self.summary.failed is not None

    @property
    def failed(self) -> dict[int, _Failed]:
        """By their place in the batch."""
        return {item.index: item for item in (*self.failed_events, *self.failedEvents)}


def outcomes(body: bytes, sent: int) -> list[Outcome] | None:
    """What a 2xx answer says of each event of a batch; None if it does not tell which failed.

    >>> outcomes(b'{"status": "partial_success", "summary": {"failed": 1}, "failed_events": [{"index": 1}]}', 2)
    [Delivered(), Rejected(reason='refused without a reason', status=None, answer='')]
    """
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:  # no JSON: the status has to do, unless the rest was cut off
        return None if len(body) >= LIMIT else [DELIVERED] * sent
    if not _tells_of_failure(found):
        return [DELIVERED] * sent
    try:
        answer = msgspec.convert(found, _Answer)
    except msgspec.ValidationError:
        return None
    failed = answer.failed
    complete = len(failed) >= (answer.summary.failed or 0) and all(0 <= index < sent for index in failed)
    if not (answer.tells and complete):
        return None
    return [_outcome(failed[i]) if i in failed else DELIVERED for i in range(sent)]


def _tells_of_failure(found: Any) -> bool:
    """Whether an answer of whatever shape says that something failed."""
    if not isinstance(found, dict):
        return False
    summary = found.get("summary")
    failed = summary.get("failed") if isinstance(summary, dict) else None
    parts = any(found.get(part) for part in FAILED_PARTS)
    return bool(failed or parts or FAILED_STATUS.search(str(found.get("status"))))


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
