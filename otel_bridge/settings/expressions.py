"""Regular expressions that users write, in RE2's syntax, which is the Collector's too.

RE2 looks at each character of a text once for each state of the expression, whatever both are: no name that a producer
sends keeps a process busy for good, as it could with Python's own expressions.
"""

from typing import Any, Final

LOOKING: Final = ("(?=", "(?!", "(?<=", "(?<!")


class Expression:
    """One, ready. The library is loaded with the first: most configurations have none.

    Raises:
        ValueError: it is no expression; says why.

    >>> Expression("s3a?://(?P<bucket>.+)").groups_of("s3a://lake")
    {'bucket': 'lake'}
    """

    def __init__(self, source: str) -> None:
        import re2

        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(source, options)
        except (re2.error, UnicodeEncodeError) as error:
            raise ValueError(_reason(source, error)) from None
        self.source: Final = source
        self.groups: Final = frozenset(self._compiled.groupindex)

    def fits(self, text: str) -> bool:
        """Whether all of the text is as the expression says."""
        return self._match(text) is not None

    def groups_of(self, text: str) -> dict[str, str] | None:
        """What its named groups are in a text that fits, "" for those without a part; None if it does not fit."""
        found = self._match(text)
        return None if found is None else dict(found.groupdict(""))

    def _match(self, text: str) -> Any:
        try:
            return self._compiled.fullmatch(text)
        except UnicodeEncodeError:
            return None


def _reason(source: str, error: Exception) -> str:
    if any(look in source for look in LOOKING):
        return "looking ahead or behind is not part of RE2's syntax"
    told = error.args[0] if error.args else ""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else "it is not Unicode text"
