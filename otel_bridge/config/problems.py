"""Every problem of a configuration as one line: where, why, what to do; values are never repeated."""

import dataclasses
import difflib
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

UNKNOWN = {"unexpected_keyword_argument", "extra_forbidden"}
SHAPES = {
    "tuple_type": "expected a list.",
    "list_type": "expected a list.",
    "mapping_type": "expected a mapping.",
    "dict_type": "expected a mapping.",
    "dataclass_type": "expected a mapping.",
    "invalid_key": "a key must be a text.",
}
MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}


def lines(error: ValidationError, root: type, prefix: str = "") -> list[str]:
    """One line for each problem in `error`, which came from validating `root`; paths start with `prefix`."""
    return [_line(item, root, prefix) for item in error.errors(include_url=False, include_input=False)]


def unknown(path: str, key: str, known: Iterable[str]) -> str:
    """The line for a key that does not exist, with the nearest known one."""
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(sorted(known))}."
    return f"{path}: unknown key.{hint}"


def _line(item: Any, root: type, prefix: str) -> str:
    loc = tuple(item["loc"])
    path = (prefix + _dotted(loc)).rstrip(".").replace(".[", "[")
    if item["type"] in UNKNOWN:
        return unknown(path, str(loc[-1]), _keys(root, loc[:-1]))
    if item["type"] in MISSING:
        return f"{path}: required, but not given."
    if item["type"] in SHAPES:
        return f"{path}: {SHAPES[item['type']]}"
    return f"{path}: {item['msg'].removeprefix('Value error, ')}"


def _dotted(loc: tuple[Any, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".")


def _keys(root: type, loc: tuple[Any, ...]) -> list[str]:
    """Field names of the dataclass at `loc` below `root`."""
    here: Any = root
    for part in loc:
        here = _inside(here, part)
    return [f.name for f in dataclasses.fields(here)] if dataclasses.is_dataclass(here) else []


def _inside(here: Any, part: Any) -> Any:
    field = dataclasses.is_dataclass(here) and isinstance(part, str)
    hint = typing.get_type_hints(here).get(part) if field else here
    options = [a for a in typing.get_args(hint) if dataclasses.is_dataclass(a)]
    return options[0] if options else hint
