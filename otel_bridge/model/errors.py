"""The tree of errors. Each one carries the decision of whoever catches it.

    BridgeError
    ├── Refused            an answer to a sender
    │   ├── Malformed          permanent: the bytes are not what they claim to be
    │   ├── Invalid            permanent: JSON, but not an OpenLineage event; carries every reason
    │   ├── TooLarge           permanent: over a configured limit
    │   ├── Unsupported        permanent: a content type, encoding, path or method that we don't speak
    │   ├── Unauthenticated    permanent: no or wrong credentials
    │   └── Unavailable        retry, after `retry_after` seconds
    │       └── Defect             a bug of ours: it may fail each time
    ├── LeftOut            drop: one value can't be understood, the rest goes on
    ├── ConfigError        the user's configuration; carries every problem at once
    └── JournalError       the data directory
        ├── DirectoryInUse     another process has it
        └── NewerSchema        written by a newer release

The last sentence of a message says what to do next.
"""


class BridgeError(Exception):
    """Root of every error that the bridge raises on purpose."""


class Refused(BridgeError):
    """A request that is not acknowledged. The message goes to the sender."""


class Malformed(Refused):
    """The bytes are not what they are said to be (OTLP, JSON): INVALID_ARGUMENT, 400. Never retried."""


class Invalid(Refused):
    """Well-formed, but not an OpenLineage event: 422. `reasons` has one line for each fault."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(f"not an OpenLineage event: {'; '.join(reasons)}. Correct what emits it.")
        self.reasons = reasons


class TooLarge(Refused):
    """Over the size limit, after decompression: RESOURCE_EXHAUSTED, 413. Never retried."""


class Unsupported(Refused):
    """A method, path, content type or encoding that is not served. `status` is the HTTP status (404, 405, 415)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unauthenticated(Refused):
    """Missing or wrong credentials: UNAUTHENTICATED, 401."""


class Unavailable(Refused):
    """Trouble of ours that passes: UNAVAILABLE with RetryInfo, 503 with Retry-After.

    `retry_after` is in seconds, a positive integer.
    """

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Defect(Unavailable):
    """An error that we did not expect. A sender repeats the request; a queue can't do that for ever."""


class LeftOut(BridgeError):
    """One value can't be understood: it is left out with this reason, and nothing else is lost."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConfigError(BridgeError):
    """The configuration is wrong. `problems` has one line for each: where, why, what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class JournalError(BridgeError):
    """The data directory can't be used as it is."""


class DirectoryInUse(JournalError):
    """Another process holds the data directory."""


class NewerSchema(JournalError):
    """The data directory was written by a newer release."""
