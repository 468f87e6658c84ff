"""Compare two methods by their scores on the same images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relprop.errors import UserError
from relprop.registry import choose
from relprop.statistics import describe, signed_rank_p

Row = Mapping[str, Any]
Names = tuple[str, str]
FACTS = ("dataset", "model", "protocol", "fractions", "label", "target", "predicted")  # equal in both rows of an image
PROBABILITY_NOISE = 1e-3  # of the same network on another device or in other batches; another network is farther off
SIGNS = {"higher": 1, "lower": -1, "neither": None}


@dataclass(frozen=True)
class PairedScore:
    """One score of two methods on the same `n` images; others, without a number in one of them, are `undefined`.

    `first`, `second` and `difference` (first − second, image by image) have mean, sample standard deviation and 95 %
    bootstrap interval of the mean over images. `p` is that of Wilcoxon's signed-rank test, not corrected for other
    tests. `better` says whether "higher", "lower" or "neither" values are better, `first_better`, `second_better` and
    `equal` on which shares of the images it is so, None where that has no meaning.
    """

    n: int
    undefined: int
    better: str
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    difference: Mapping[str, Any]
    p: float
    first_better: float | None
    second_better: float | None
    equal: float | None


def compare(
    first: Sequence[Row],
    second: Sequence[Row],
    better: Mapping[str, str],
    seed: int,
    names: Names = ("the first", "the second"),
) -> dict[str, PairedScore]:
    """Paired comparison of two methods, for each score that `better` names with its direction.

    `first` and `second` are their rows (results.jsonl), matched by `index` in whatever order; images are resampled in
    pairs. `names` are the methods' in errors. Raises `UserError` if the rows are not of the same images, classes, data
    set, network, protocol and curve points, or lack a score.
    """
    pairs = _pair(first, second, names)
    return {score: _compare(pairs, score, direction, seed, names) for score, direction in better.items()}


def _pair(first: Sequence[Row], second: Sequence[Row], names: Names) -> list[tuple[Row, Row]]:
    """Both rows of every image, by index."""
    ours, theirs = _by_index(first, names[0]), _by_index(second, names[1])
    missing = [
        f"{len(lacking)} images of {owner} are not in {other} ({_listed(lacking)})"
        for owner, other, lacking in (
            (names[0], names[1], ours.keys() - theirs.keys()),
            (names[1], names[0], theirs.keys() - ours.keys()),
        )
        if lacking
    ]
    if missing:
        raise UserError(f"{' and '.join(missing)}; score both on the same images: images=… and seed=… alike")
    if not ours:
        raise UserError(f"{names[0]} and {names[1]} have no images; give rows of the same images")
    pairs = [(ours[index], theirs[index]) for index in sorted(ours)]
    for one, other in pairs:
        _refuse_other_facts(one, other, names)
    return pairs


def _by_index(rows: Sequence[Row], name: str) -> dict[int, Row]:
    by_index: dict[int, Row] = {}
    for row in rows:
        if by_index.setdefault(row["index"], row) is not row:
            raise UserError(f"{name} has image {row['index']} twice; give one row for each image")
    return by_index


def _listed(indices: set[int]) -> str:
    """The first five."""
    return ", ".join(map(str, sorted(indices)[:5])) + ", …" * (len(indices) > 5)


def _refuse_other_facts(one: Row, other: Row, names: Names) -> None:
    """Refuse two rows of an image that differ in what they are about or in what the network said of it."""
    for fact in FACTS:
        if one.get(fact) != other.get(fact):
            here, there = (_shown(row.get(fact)) for row in (one, other))
            raise UserError(
                f"image {one['index']}: {fact} is {here} in {names[0]}, {there} in {names[1]}; "
                "score both with the same network, protocol and steps, for the same classes"
            )
    if "probability" in one and "probability" in other:
        here, there = one["probability"], other["probability"]
        if abs(here - there) > PROBABILITY_NOISE:
            raise UserError(
                f"image {one['index']}: probability is {here:.4f} in {names[0]}, {there:.4f} in {names[1]}, so their "
                "weights differ; score both with one ckpt=FILE"
            )


def _shown(value: Any) -> str:
    return f"{len(value)} values up to {value[-1]}" if isinstance(value, list) and value else str(value)


def _compare(pairs: Sequence[tuple[Row, Row]], score: str, direction: str, seed: int, names: Names) -> PairedScore:
    sign = choose(f"better: {score}", direction, SIGNS)
    values = [(_number(one, score, names[0]), _number(other, score, names[1])) for one, other in pairs]
    defined = [(a, b) for a, b in values if a is not None and b is not None]
    differences = [a - b for a, b in defined]
    n = len(defined)

    def share(meant: int | None) -> float | None:
        """Of the images whose difference has this sign."""
        return None if meant is None or not n else float(np.mean(np.sign(differences) == meant))

    return PairedScore(
        n=n,
        undefined=len(pairs) - n,
        better=direction,
        first=describe([a for a, _ in defined], seed),
        second=describe([b for _, b in defined], seed),
        difference=describe(differences, seed),
        p=signed_rank_p(differences),
        first_better=share(sign),
        second_better=share(None if sign is None else -sign),
        equal=share(0),
    )


def _number(row: Row, score: str, name: str) -> float | None:
    """None for what is no finite number, as in results.jsonl."""
    if score not in row:
        raise UserError(f"image {row['index']} has no {score} in {name}; score both with the same metric")
    value = row[score]
    return None if value is None or not math.isfinite(value) else float(value)
