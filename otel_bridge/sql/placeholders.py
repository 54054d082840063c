"""Parameters in the text of a statement, as drivers write them and as instrumentations leave them in place of literals.

Most are understood where they stand. In some places, such as `date ?`, only a literal is; one says as little as a
parameter of what a column comes from.
"""

import re
from typing import Final

_SKIPPED: Final = r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|`[^`]*`|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/"
_PARAMETER: Final = r"%\(\w+\)s|%s|%%|\?|(?<![\w$])\$\d+"
_EITHER: Final = re.compile(rf"(?P<skipped>{_SKIPPED})|(?P<parameter>{_PARAMETER})", re.DOTALL)


def with_literals(sql: str) -> str:
    """The statement with literals in place of parameters.

    >>> with_literals("select '%s', a %% 2 from t where day > date ? and b = %(b)s")
    "select '%s', a % 2 from t where day > date '0' and b = '0'"
    """
    return _EITHER.sub(_literal, sql)


def _literal(found: re.Match[str]) -> str:
    parameter = found["parameter"]
    if parameter is None:
        return found[0]
    return "%" if parameter == "%%" else "'0'"
