"""The tree of errors. Each one carries the decision of whoever catches it.

    BridgeError
    ├── Refused            an answer to a sender
    │   ├── Malformed          permanent: the bytes are not what they claim to be
    │   ├── TooLarge           permanent: over a configured limit
    │   ├── Unsupported        permanent: a content type, encoding, path or method that we don't speak
    │   ├── Unauthenticated    permanent: no or wrong credentials
    │   └── Unavailable        retry, after `retry_after` seconds
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
    """The bytes are not OTLP in the stated encoding: INVALID_ARGUMENT, 400. Never retried."""


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
