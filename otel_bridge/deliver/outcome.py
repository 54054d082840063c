"""What became of one attempt to deliver one event."""

import msgspec

ANSWER_LIMIT = 4096
"""Bytes of a destination's answer that are kept."""


class Delivered(msgspec.Struct, frozen=True):
    """The destination has it."""


class Retry(msgspec.Struct, frozen=True):
    """Not now. `after_s` is what the destination asked for, if it did.

    `whole` says that it concerns the destination and not this event: nobody listens, or it asks for less.
    """

    reason: str
    after_s: float | None = None
    whole: bool = False


class Rejected(msgspec.Struct, frozen=True):
    """Never: the same event would be refused again. `answer` is the beginning of what was said."""

    reason: str
    status: int | None = None
    answer: str = ""


Outcome = Delivered | Retry | Rejected

DELIVERED = Delivered()
