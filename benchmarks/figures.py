"""What a case finds: figures with their spread, tables, targets, and whether nothing was lost."""

import random
import statistics
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """Median and extremes of one figure over the rounds.

    >>> print(Spread.of([0.31, 0.402, 0.29]))
    0.31 (0.29 to 0.40)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """The spread of these values."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


class Interval(msgspec.Struct, frozen=True):
    """Median of one figure over the rounds, and where it lies with 95 % by the bootstrap.

    >>> print(Interval.of([1.0, 1.02, 1.01, 0.99, 1.03]))
    1.01 [0.99 to 1.03]
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """The interval of these values; the same values give the same interval."""
        found, dice = list(values), random.Random(1)
        medians = sorted(statistics.median(dice.choices(found, k=len(found))) for _ in range(2000))
        return cls(statistics.median(found), medians[50], medians[-51])

    def __str__(self) -> str:
        return f"{number(self.median)} [{number(self.low)} to {number(self.high)}]"


class Target(msgspec.Struct, frozen=True):
    """A goal, what was measured, and whether it is reached; `measured` None if it could not be measured."""

    what: str
    goal: str
    most: float
    measured: float | None

    @property
    def verdict(self) -> str:
        """In words."""
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured <= self.most else "**not reached**"


class Table(msgspec.Struct, frozen=True):
    """Rows under a header; the first column is text, the others are figures."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


class Check(msgspec.Struct, frozen=True):
    """Whether what went in came out."""

    what: str
    holds: bool


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one case has to say."""

    title: str
    text: str
    tables: Sequence[Table]
    targets: Sequence[Target] = ()
    checks: Sequence[Check] = ()


def number(value: float) -> str:
    """Two decimals below 10, one below 100, none above.

    >>> number(0.316), number(31.66), number(4711.4)
    ('0.32', '31.7', '4,711')
    """
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
