"""Mutations of protobuf messages on the wire: structure-aware, without a schema.

A message is taken apart into its fields, one of them is chosen at some depth and spoilt, and the lengths of what
encloses it are written anew, so that only the chosen place is wrong.
"""

import random
import struct
from collections.abc import Callable
from typing import NamedTuple

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
BOUNDARIES = (0, 1, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
LENGTHS = (1, 127, 2**14, 2**31 - 1, 2**31, 2**32, 2**63, 2**64 - 1)
DOUBLES = (float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308)
NOT_UTF8 = (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80", b"\x00\x00")


class Field(NamedTuple):
    """A field as it stood on the wire; `value` is what follows tag and length."""

    number: int
    wire: int
    value: bytes

    def encoded(self) -> bytes:
        """Tag, length if there is one, and value."""
        tag = varint(self.number << 3 | self.wire)
        return tag + varint(len(self.value)) + self.value if self.wire == BYTES else tag + self.value


Mutation = Callable[[list[Field], int, random.Random], list[bytes]]


def varint(number: int) -> bytes:
    """A base-128 varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def parse(message: bytes) -> list[Field] | None:
    """The fields of a message; None if these bytes are none."""
    found, at = [], 0
    try:
        while at < len(message):
            tag, at = _read_varint(message, at)
            wire, start = tag & 7, at
            if tag >> 3 == 0 or wire in {GROUP, END_GROUP} or wire > FIXED32:
                return None
            if wire == BYTES:
                size, start = _read_varint(message, at)
                at = start + size
            else:
                at = _read_varint(message, at)[1] if wire == VARINT else at + (8 if wire == FIXED64 else 4)
            if at > len(message):
                return None
            found.append(Field(tag >> 3, wire, message[start:at]))
    except IndexError:
        return None
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            return number, at
        shift += 7


def mutated(message: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The name of a mutation, and the message after it."""
    name, mutation = chance.choice(_MUTATIONS)
    return name, _at_some_depth(message, mutation, chance)


def _at_some_depth(message: bytes, mutation: Mutation, chance: random.Random) -> bytes:
    fields = parse(message)
    if not fields:
        return message + chance.randbytes(chance.randint(1, 8))
    at = chance.randrange(len(fields))
    chosen = fields[at]
    if chosen.wire == BYTES and chosen.value and chance.random() < 0.85 and parse(chosen.value):
        inner = _at_some_depth(chosen.value, mutation, chance)
        fields[at] = Field(chosen.number, BYTES, inner)
        return b"".join(f.encoded() for f in fields)
    return b"".join(mutation(fields, at, chance))


def _spoil(fields: list[Field], at: int, replacement: bytes) -> list[bytes]:
    encoded = [f.encoded() for f in fields]
    encoded[at] = replacement
    return encoded


def _missing(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return _spoil(fields, at, b"")


def _repeated(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return _spoil(fields, at, fields[at].encoded() * chance.choice((2, 3, 50)))


def _shuffled(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return [f.encoded() for f in chance.sample(fields, len(fields))]


def _wrong_wire_type(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    wire = chance.choice((VARINT, FIXED64, BYTES, FIXED32, 6, 7))
    return _spoil(fields, at, varint(fields[at].number << 3 | wire) + fields[at].value)


def _huge_length(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    tag = varint(fields[at].number << 3 | BYTES)
    return _spoil(fields, at, tag + varint(chance.choice(LENGTHS)) + fields[at].value)


def _unknown_field(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    number = chance.choice((15, 100, 9999, 19000, 2**29 - 1))
    unknown = chance.choice(
        (
            field(number, chance.randbytes(9)),
            varint(number << 3) + varint(2**64 - 1),
            varint(number << 3 | FIXED64) + bytes(8),
        )
    )
    return _spoil(fields, at, fields[at].encoded() + unknown)


def _groups(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    number, depth = chance.choice((1, 2, fields[at].number, 1000)), chance.choice((1, 3, 99, 101, 400))
    opened, closed = varint(number << 3 | GROUP) * depth, varint(number << 3 | END_GROUP) * depth
    return _spoil(fields, at, fields[at].encoded() + chance.choice((opened + closed, opened, closed)))


def _not_utf8(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return _spoil(fields, at, field(fields[at].number, chance.choice(NOT_UTF8)))


def _boundary(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    number, found = fields[at].number, chance.choice(BOUNDARIES)
    return _spoil(
        fields,
        at,
        chance.choice(
            (
                varint(number << 3) + varint(found),
                varint(number << 3 | FIXED64) + struct.pack("<Q", found),
                varint(number << 3 | FIXED64) + struct.pack("<d", chance.choice(DOUBLES)),
            )
        ),
    )


def _long_varint(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    long = b"\x80" * chance.choice((4, 9, 10, 40)) + b"\x01"
    return _spoil(fields, at, chance.choice((varint(fields[at].number << 3) + long, long)))


def _field_zero(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return _spoil(fields, at, bytes((chance.randrange(6),)) + fields[at].value)


def _other_content(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    content = chance.randbytes(chance.choice((0, 1, 7, 8, 9, 15, 16, 17, 300)))
    return _spoil(fields, at, field(fields[at].number, content))


def _other_number(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    return _spoil(fields, at, fields[at]._replace(number=chance.randint(1, 16)).encoded())


def _deep(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    """An AnyValue of arrays in arrays, in place of a value or as another attribute."""
    nested = _NESTED[chance.choice(DEPTHS)]
    pair = field(1, b"openlineage.run.facets") + field(2, nested)
    number = fields[at].number
    return _spoil(
        fields, at, fields[at].encoded() + chance.choice((field(number, pair), field(number, nested)))
    )


def _spread(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    """The field split in two of the same number, which parsers merge or of which they take the last."""
    value = fields[at].value
    cut = chance.randint(0, len(value))
    return _spoil(fields, at, field(fields[at].number, value[:cut]) + field(fields[at].number, value[cut:]))


def _bytes(fields: list[Field], at: int, chance: random.Random) -> list[bytes]:
    """Without regard to structure: bytes changed, deleted, doubled, cut off."""
    return [random_bytes(b"".join(f.encoded() for f in fields), chance)]


def random_bytes(body: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, deleted, doubled, or the rest cut off."""
    changed = bytearray(body or b"x")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) or 1)
        match chance.randrange(5):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                del changed[at : at + chance.randint(1, 20)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 40)]
            case 3:
                changed[at:at] = chance.randbytes(3)
            case _:
                del changed[max(at, 1) :]
    return bytes(changed)


def _nest(depth: int) -> bytes:
    inner = field(1, b"x")
    for _ in range(depth):
        inner = field(5, field(1, inner))
    return inner


DEPTHS = (*(20, 32, 45, 49, 51, 120) * 20, 2000)
_NESTED = {depth: _nest(depth) for depth in set(DEPTHS)}

_MUTATIONS: tuple[tuple[str, Mutation], ...] = (
    ("missing field", _missing),
    ("repeated field", _repeated),
    ("shuffled fields", _shuffled),
    ("wrong wire type", _wrong_wire_type),
    ("huge length", _huge_length),
    ("unknown field", _unknown_field),
    ("group tags", _groups),
    ("not UTF-8", _not_utf8),
    ("boundary number", _boundary),
    ("overlong varint", _long_varint),
    ("field zero", _field_zero),
    ("other content", _other_content),
    ("other field number", _other_number),
    ("deep nesting", _deep),
    ("split field", _spread),
    ("random bytes", _bytes),
)
