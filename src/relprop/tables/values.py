"""What stands in the cells of a table, and its text."""

import math
import re
from dataclasses import dataclass
from typing import TypeAlias

ABSENT = "–"
_NEGATIVE_ZERO = re.compile(r"-(0[0.,]*(?:e[+-]\d+)?%?)")


@dataclass(frozen=True)
class Spread:
    """A mean with its sample standard deviation, which a single value has not, and its 95 % interval, if known."""

    mean: float
    std: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Absent:
    """A value that there is not: the word in its place, as "failed", and the reason, which stands below the table."""

    word: str = ABSENT
    reason: str = ""


Value: TypeAlias = str | int | float | Spread | Absent | None


def number_of(value: Value) -> float | None:
    """The number that a value stands for, of a `Spread` its mean; None for texts and for what is absent or NaN."""
    if isinstance(value, Spread):
        return number_of(value.mean)
    return None if value is None or isinstance(value, str | Absent) or math.isnan(value) else value


def parts(value: Value, spec: str) -> tuple[str, str]:
    """A value's text, of a number by its format, and what stands behind it: ± standard deviation [95 % interval]."""
    if isinstance(value, str):
        return value, ""
    number = number_of(value)
    if number is None:
        return value.word if isinstance(value, Absent) else ABSENT, ""
    if not isinstance(value, Spread):
        return written(number, spec), ""
    std = "" if value.std is None else f" ± {written(value.std, spec)}"
    interval = value.interval and f" [{', '.join(written(end, spec) for end in value.interval)}]"
    return written(number, spec), std + (interval or "")


def shown(value: Value, spec: str) -> str:
    """A value as plain text, such as "0.612 ± 0.243 [0.590, 0.635]"."""
    return "".join(parts(value, spec))


def written(number: float, spec: str) -> str:
    """A number by its format; what is rounded to zero has no sign."""
    text = format(number, spec)
    return _NEGATIVE_ZERO.sub(r"\1", text) if _NEGATIVE_ZERO.fullmatch(text) else text
