"""When to try again. Pure: the clock and the random numbers come from the caller."""

import random
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from otel_bridge.settings import STRICT, Duration

LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """Pace and end of the attempts to deliver one event."""

    __pydantic_config__ = STRICT

    first: Duration = Duration(0.5)
    """Pause after the first failure; it doubles with each further one."""
    longest: Duration = Duration(60)
    """Longest pause."""
    max_attempts: int | None = None
    """Attempts after which the event becomes a dead letter. Default: none, it is tried for ever."""
    give_up_after: Duration | None = None
    """Time since the first failure after which the event becomes a dead letter. Default: never."""

    def __post_init__(self) -> None:
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ValueError("max_attempts must be 1 or more; leave it out to try for ever")
        if not 0 < self.first <= self.longest:
            raise ValueError("first must be above 0 and not above longest")

    def exhausted(self, attempts: int, failing_s: float) -> bool:
        """Whether an event that failed so often, for so long, is given up."""
        if self.max_attempts is not None and attempts >= self.max_attempts:
            return True
        return self.give_up_after is not None and failing_s >= self.give_up_after


def delay_s(options: RetryOptions, attempts: int, after_s: float | None, rng: random.Random) -> float:
    """Pause after `attempts` failures: doubled each time, capped, between half and all of it by chance.

    What the destination asked for is never undercut, and capped at an hour.

    >>> delay_s(RetryOptions(), 1, 30, random.Random(7)) >= 30
    True
    """
    if after_s is not None:
        return min(after_s, LONGEST_RETRY_AFTER_S) + rng.random() * options.first
    ceiling = min(options.longest, options.first * 2.0 ** min(attempts - 1, 60))
    return ceiling * (0.5 + rng.random() / 2)


def retry_after_s(value: str, now_s: float) -> float | None:
    """The `Retry-After` header, in seconds or as an HTTP date; None if it is neither.

    >>> retry_after_s("3", 0.0)
    3.0
    >>> retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 20.0)
    40.0
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else LONGEST_RETRY_AFTER_S
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s)
