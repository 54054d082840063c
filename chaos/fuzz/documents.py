"""Mutations of JSON documents: of values and keys inside, and of the text."""

import json
import random
from collections.abc import Callable
from typing import Any

from chaos.fuzz.protobuf import random_bytes

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, -0.0,
    "", " ", "x", "0", "-1", "1e3", "NaN", "Infinity", "null", "\x00", "a\u0000b", "\ud7ff\ue000", "\U0001f600",
    "x" * 300, "9" * 40, "../../etc/passwd", "{{7*7}}", "'; DROP TABLE events; --", "%s%n", "\u202eabc", "{", "[",
    [], {}, [[]], [None], {"": None}, {"a": {"b": {"c": []}}}, [1, "2", [3]], {"key": "a", "value": {"stringValue": 1}},
)  # fmt: skip
LITERALS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"01",
    b"+1",
    b".5",
    b"1.",
    b"0x10",
    b"nul",
    b"'a'",
    b"1" * 400,
)
STRINGS = (
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u12"',
    b'"\\x41"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\n"',
    b'"\x00"',
)
DEEP = (*(20, 60, 99, 101, 300) * 20, 3000, 100_000)

Place = tuple[Any, Any]
"""A container of a document and a key or index into it."""


def mutated(document: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The name of a mutation, and the document after it."""
    if chance.random() < 0.3:
        name, of_text = chance.choice(_OF_TEXT)
        return name, of_text(document, chance)
    try:
        tree = json.loads(document)
    except (ValueError, RecursionError):
        return "random bytes", random_bytes(document, chance)
    places = list(_places(tree))
    if not places:
        return "other value", json.dumps(chance.choice(NASTY)).encode()
    name, of_tree = chance.choice(_OF_TREE)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        of_tree(*_alive(places, chance), chance)
    return name, json.dumps(tree, separators=chance.choice(((",", ":"), (", ", ": ")))).encode()


def _places(tree: Any) -> list[Place]:
    found: list[Place] = []
    level = [tree]
    for node in level:
        keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            level.append(node[key])
    return found


def _alive(places: list[Place], chance: random.Random) -> Place:
    """A place that an earlier mutation of the same document did not remove."""
    for _ in range(8):
        holder, key = chance.choice(places)
        if (key in holder) if isinstance(holder, dict) else key < len(holder):
            return holder, key
    return {"x": 0}, "x"


def _other_value(holder: Any, key: Any, chance: random.Random) -> None:
    holder[key] = chance.choice(NASTY)


def _missing(holder: Any, key: Any, chance: random.Random) -> None:
    del holder[key]


def _renamed(holder: Any, key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice((key.upper(), f"{key}_", "", "\x00", key[:-1], key.swapcase()))] = holder.pop(
            key
        )


def _wrapped(holder: Any, key: Any, chance: random.Random) -> None:
    holder[key] = chance.choice(([holder[key]], {key if isinstance(key, str) else "a": holder[key]}))


def _stringified(holder: Any, key: Any, chance: random.Random) -> None:
    holder[key] = json.dumps(holder[key]) if chance.random() < 0.5 else str(holder[key])


def _many(holder: Any, key: Any, chance: random.Random) -> None:
    holder[key] = [holder[key]] * chance.choice((2, 3, 40))


def _more_keys(holder: Any, key: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder.update({f"unknown{i}": chance.choice(NASTY) for i in range(chance.choice((1, 5, 20)))})


def _cut_off(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text) or 1)]


def _more_behind(text: bytes, chance: random.Random) -> bytes:
    return text + chance.choice((b"}", b"null", text[:40], b"\x00", b"//", b",", b" \n\t"))


def _before(text: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"[", b")]}'\n", b"\x00", b"\n\n ")) + text


def _literal(text: bytes, chance: random.Random) -> bytes:
    """A literal or string that JSON has not, in the place of a string."""
    ends = [i for i, c in enumerate(text) if c == 0x22]
    if len(ends) < 2:
        return chance.choice(LITERALS)
    at = chance.randrange(0, len(ends) - 1)
    return text[: ends[at]] + chance.choice(LITERALS + STRINGS) + text[ends[at + 1] + 1 :]


def _doubled_key(text: bytes, chance: random.Random) -> bytes:
    at = text.find(b"{", chance.randrange(len(text) or 1))
    return text if at < 0 else text[: at + 1] + b'"key":{"a":1},"resourceSpans":null,' + text[at + 1 :]


def _deep(text: bytes, chance: random.Random) -> bytes:
    depth = chance.choice(DEEP)
    opened, closed = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opened * depth + b"1" + closed * depth
    at = text.rfind(b":", 0, chance.randrange(len(text) or 1)) + 1
    return text[:at] + nested + b"," + text[at:] if at else nested


_OF_TREE: tuple[tuple[str, Callable[[Any, Any, random.Random], None]], ...] = (
    ("other value", _other_value),
    ("missing key", _missing),
    ("other key", _renamed),
    ("wrapped value", _wrapped),
    ("value as text", _stringified),
    ("many values", _many),
    ("unknown keys", _more_keys),
)
_OF_TEXT: tuple[tuple[str, Callable[[bytes, random.Random], bytes]], ...] = (
    ("cut off", _cut_off),
    ("more behind", _more_behind),
    ("something before", _before),
    ("no JSON literal", _literal),
    ("doubled key", _doubled_key),
    ("deep nesting", _deep),
    ("random bytes", random_bytes),
)
