"""The secrets of a configuration, found wherever they stand in it, and taken out of texts that leave the process.

What a destination answers may repeat the header that it was sent; what a library logs, and a traceback, may hold
anything. So every log line and every answer that is kept goes through a `Redactor`.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from otel_bridge.settings import Secret

MASK = "***"
SHORTEST = 6
"""A shorter one would be found in every other word."""
_NAMED = re.compile(
    r"pass|pwd|secret|token|credential|auth|api[_-]?key|private|ssl\.key\.pem|\b(?:key|sig|code)\Z",
    re.IGNORECASE,
)
_HEADERS = re.compile(r"headers", re.IGNORECASE)


def secrets_of(value: Any, name: str = "") -> Iterator[str]:
    """Every secret in settings: what is typed so, and in free mappings what is named so."""
    if isinstance(value, str):
        if _is_secret(value, name):
            yield str.__str__(value)
        elif "://" in value and "?" in value:
            yield from (given for key, given in parse_qsl(value.partition("?")[2]) if _NAMED.search(key))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secrets_of(item, "auth" if _HEADERS.search(name) else str(key))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from secrets_of(item, name)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            yield from secrets_of(item, "" if type(item) is str else field.name)


def _is_secret(value: str, name: str) -> bool:
    named = _NAMED.search(name) is not None
    of_librdkafka = "." in name  # its properties are all typed as secrets, and say by their names which are
    return named or (isinstance(value, Secret) and not of_librdkafka)


class Redactor:
    """Replaces secrets in texts, as they are and as JSON and URLs write them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {part for secret in secrets for part in (secret, *secret.split()) if len(part) >= SHORTEST}
        self._secrets = sorted(found, key=len, reverse=True)
        spellings = {
            spelt for secret in found for spelt in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
        }
        ordered = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @classmethod
    def of(cls, settings: Any) -> "Redactor":
        """For the secrets in settings, or in a part of them."""
        return cls(secrets_of(settings))

    def __call__(self, text: str) -> str:
        """The text without the secrets; the beginning of one at the text's end counts, it may have been cut off."""
        if self._pattern is None:
            return text
        text = self._pattern.sub(MASK, text)
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(text)), SHORTEST - 1, -1):
                if text.endswith(secret[:length]):
                    return text[:-length] + MASK
        return text
