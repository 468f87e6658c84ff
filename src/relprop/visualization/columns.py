"""Numbers out of the rows of a metric, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = Sequence[Mapping[str, Any]]


def check_rows(rows: Rows, needed: Sequence[str], shared: Sequence[str]) -> None:
    """Refuse no rows, rows without the `needed` keys, and rows that differ in the `shared` ones."""
    if not rows:
        raise ValueError("rows is empty; at least one of a metric's rows is needed")
    for index, row in enumerate(rows):
        if missing := [key for key in needed if key not in row]:
            raise ValueError(f"rows[{index}] lacks {', '.join(missing)}; needed are {', '.join(needed)}")
        for key in shared:
            if row.get(key) != rows[0].get(key):
                raise ValueError(f"rows[{index}] and rows[0] differ in {key}; draw rows of one metric only")


def column(rows: Rows, key: str) -> NDArray[np.float64]:
    """One number of every row, (N,); `ValueError` for NaN and infinite ones."""
    values = np.array([row[key] for row in rows], dtype=float)
    _check_finite(values.reshape(-1, 1), key)
    return values


def table(rows: Rows, key: str, beside: str) -> NDArray[np.float64]:
    """A list of numbers of every row, (N,P), as long as the row's list `beside`; `ValueError` for others and NaN."""
    for index, row in enumerate(rows):
        if len(row[key]) != len(row[beside]):
            raise ValueError(f"rows[{index}] has {len(row[key])} points in {key} and {len(row[beside])} {beside}")
    values = np.array([row[key] for row in rows], dtype=float)
    _check_finite(values, key)
    return values


def fractions_of(rows: Rows) -> NDArray[np.float64]:
    """The `fractions` of the first row, (P,); `ValueError` unless these rise, and never fall, within [0,1]."""
    fractions = np.array(rows[0]["fractions"], dtype=float)
    if not (len(fractions) > 1 and 0 <= fractions[0] < fractions[-1] <= 1 and (np.diff(fractions) >= 0).all()):
        raise ValueError("rows[0] must have fractions that rise, and never fall, within [0, 1]")
    return fractions


def _check_finite(values: NDArray[np.float64], key: str) -> None:
    if len(bad := np.flatnonzero(~np.isfinite(values).all(1))):
        raise ValueError(f"rows[{bad[0]}] has NaN or infinite values in {key}")
