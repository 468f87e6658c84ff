"""Rows of perturbation metrics, made up."""

from typing import Any

import numpy as np

FRACTIONS = [0.0, 0.25, 0.5, 0.75, 1.0]
BOTH = ("insertion", "deletion")


def make_rows(count: int, names: tuple[str, ...] = BOTH, prefix: str = "", **shared: Any) -> list[dict[str, Any]]:
    """As the perturbation metrics give them."""
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        curves = {name: generator.random(5) for name in names}
        areas = {f"{prefix}{name}": float(np.trapezoid(curve, FRACTIONS)) for name, curve in curves.items()}
        lists = {f"{name}_curve": curve.tolist() for name, curve in curves.items()}
        rows.append({"protocol": "strict", "target": 1, "fractions": list(FRACTIONS), **areas, **lists, **shared})
    return rows


def add(rows: list[dict[str, Any]], key: str, value: float) -> None:
    """Lift the curves under `key`, or move one of the areas."""
    for row in rows:
        row[key] = row[key] + value if isinstance(row[key], float) else [number + value for number in row[key]]
