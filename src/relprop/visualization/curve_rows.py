"""The curves that the rows of a perturbation metric have, and the areas that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from relprop.visualization.columns import Rows, check_rows, column, fractions_of, table

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "probability": "probability of the explained class",
        "logit": "logit of the explained class",
        "log_odds": "log-odds of the explained class",
    }
)
CURVES = ("insertion", "deletion", "morf", "lerf", "random")
_PREFIXES = ("", "auc_", "aopc_")
_END = "_curve"
_VISIBLE = 0.005  # of the y axis: two pixels or so


@dataclass(frozen=True)
class CurveRows:
    """Rows of one metric as arrays.

    `fractions` (P,); for every curve its values (N,P) in `curves` and its areas (N,) in `areas`. `aopc`: these areas
    lie between the curve and the level of its beginning (Samek et al. 2017, eq. 12), not between the curve and 0.
    """

    protocol: str
    score: str
    fractions: NDArray[np.float64]
    curves: Mapping[str, NDArray[np.float64]]
    areas: Mapping[str, NDArray[np.float64]]
    aopc: bool

    @classmethod
    def read(cls, rows: Rows) -> Self:
        """Raises `ValueError` for rows that cannot be drawn together."""
        names = _names(rows)
        keys = [f"{name}{_END}" for name in names]
        check_rows(rows, ("protocol", "fractions", *keys), ("protocol", "fractions", "score"))
        fractions = fractions_of(rows)
        score = str(rows[0].get("score", "probability"))
        if score not in SCORES:
            raise ValueError(f"rows[0] has score {score!r}; it must be one of {', '.join(SCORES)}")
        prefix = _prefix(rows, names)
        return cls(
            protocol=str(rows[0]["protocol"]),
            score=score,
            fractions=fractions,
            curves={name: table(rows, key, "fractions") for name, key in zip(names, keys, strict=True)},
            areas={name: column(rows, f"{prefix}{name}") for name in names},
            aopc=prefix == "aopc_",
        )

    @property
    def limits(self) -> tuple[float, float]:
        """Of the y axis: 0 and 1 for probabilities, else what all curves, and 0 below an area, need."""
        if self.score == "probability":
            return 0, 1
        values = np.concatenate([*(curve.ravel() for curve in self.curves.values()), [] if self.aopc else [0.0]])
        low, high = values.min(), values.max()
        room = 0.04 * (high - low) or 1.0  # of constant curves
        return float(low - room), float(high + room)

    @property
    def partners(self) -> list[str]:
        """What the curve of most relevant first is compared with."""
        return [name for name in ("lerf", "random") if {name, "morf"} <= {*self.curves}]

    @property
    def crossing(self) -> list[str]:
        """Those of the partners whose mean curve is visibly below that of most relevant first anywhere."""
        low, high = self.limits
        morf = self.curves["morf"].mean(0) if self.partners else 0
        return [name for name in self.partners if (morf - self.curves[name].mean(0)).max() > _VISIBLE * (high - low)]

    def gain(self, partner: str) -> NDArray[np.float64]:
        """Area between the curve of `partner` and that of most relevant first, (N,): > 0 where the latter is lower."""
        difference = self.areas[partner] - self.areas["morf"]
        return -difference if self.aopc else difference


def _names(rows: Rows) -> list[str]:
    present = {key.removesuffix(_END) for row in rows for key in row if key.endswith(_END)}
    if unknown := sorted(present - set(CURVES)):
        raise ValueError(f"rows have curves {', '.join(unknown)}; known are {', '.join(CURVES)}")
    if rows and not present:
        raise ValueError(f"rows have no curve; they need one or more of {', '.join(f'{n}{_END}' for n in CURVES)}")
    return [name for name in CURVES if name in present]


def _prefix(rows: Rows, names: list[str]) -> str:
    """Of the keys under which all rows have the areas of all curves."""
    for prefix in _PREFIXES:
        if all(f"{prefix}{name}" in row for row in rows for name in names):
            return prefix
    tried = " nor ".join(", ".join(f"{prefix}{name}" for name in names) for prefix in _PREFIXES)
    raise ValueError(f"rows have no area of every curve: neither {tried}")
