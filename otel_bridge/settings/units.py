"""Secrets, durations, sizes and addresses, as they are written in a configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


class Secret(str):
    """A string that is never printed: `repr` and error texts show `***`. `reveal` gives a plain str.

    In the configuration it may also be `{env: NAME}`, an environment variable, or `{file: PATH}`, a file's content.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The secret itself, for the one place that sends it."""
        return str.__str__(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        text = core_schema.str_schema()
        elsewhere = core_schema.dict_schema(
            core_schema.literal_schema(["env", "file"]), text, min_length=1, max_length=1
        )
        written = core_schema.union_schema([text, elsewhere])
        return core_schema.with_info_plain_validator_function(
            cls._read,
            json_schema_input_schema=written,
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def _read(cls, value: Any, info: Any) -> Self:
        match value:
            case str():
                return cls(value)
            case {"env": str(name), **more} if not more:
                return cls(_from_variable(name, (info.context or {}).get("environ", os.environ)))
            case {"file": str(path), **more} if not more:
                return cls(_from_file(path))
        raise ValueError("expected a text, {env: NAME} or {file: PATH}")


def _from_variable(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise ValueError(f"the environment variable {name} is not set")
    return value


def _from_file(path: str) -> str:
    """Without the line's end, and the byte order mark, that an editor leaves."""
    try:
        return Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {path}: {getattr(error, 'strerror', None) or 'not a text'}") from None


class Duration(float):
    """Seconds. Written as a number or as `250ms`, `10s`, `5m`, `12h`, `7d`."""

    __slots__ = ()
    UNITS: ClassVar[dict[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    LONGEST_S: ClassVar[float] = 36500 * 86400  # a date so far ahead still fits 64 bits of nanoseconds

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10s` and the like; ValueError with the accepted spellings otherwise."""
        seconds = _scaled(text, cls.UNITS, "a duration such as 250ms, 10s, 5m, 12h or 7d")
        if seconds > cls.LONGEST_S:
            raise ValueError(f"{text!r} is too long: at most 36500d")
        return cls(seconds)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _scalar_schema(cls)


class Size(int):
    """Bytes. Written as a number or as `64KiB`, `64MiB`, `2GiB` (or KB, MB, GB in powers of 1000)."""

    __slots__ = ()
    UNITS: ClassVar[dict[str, float]] = {
        "B": 1,
        "KB": 1000,
        "MB": 1000**2,
        "GB": 1000**3,
        "KiB": 1024,
        "MiB": 1024**2,
        "GiB": 1024**3,
    }

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `64MiB` and the like; ValueError with the accepted spellings otherwise."""
        return cls(_scaled(text, cls.UNITS, "a size such as 65536, 64MiB or 2GB"))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _scalar_schema(cls)


def _scaled(text: str, units: Mapping[str, float], expected: str) -> float:
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(number) :].strip()
    try:
        scale = units[unit] if unit else 1
        value = float(number) * scale
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is not {expected}") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} is not {expected}: it must be finite and not negative")
    return value


def _scalar_schema(cls: Any) -> Any:
    from pydantic_core import core_schema

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{value!r} is neither a number nor a text")
        return cls.parse(str(value))

    return core_schema.no_info_plain_validator_function(
        read,
        json_schema_input_schema=core_schema.union_schema(
            [core_schema.str_schema(), core_schema.float_schema()]
        ),
        serialization=core_schema.to_string_ser_schema(),
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address, written `host:port` (`[::1]:4317` for IPv6). Port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`; ValueError otherwise."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{text!r} is not host:port, for instance 127.0.0.1:4317")
        return cls(host, int(port))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def read(value: Any) -> Any:
            return value if isinstance(value, cls) else cls.parse(str(value))

        return core_schema.no_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )
