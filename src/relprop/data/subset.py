"""A part of a labelled data set that stands for the whole."""

import logging

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)


def choose_positions(labels: Tensor, limit: int | None, per_class: int | None, seed: int) -> list[int]:
    """Positions of labels (N,), ascending: `per_class` from each class, drawn by `seed`, or `limit` of all, or all."""
    if per_class is not None:
        return positions_per_class(labels, per_class, seed)
    if limit is not None and limit < len(labels):
        return balanced_positions(labels, limit)
    return list(range(len(labels)))


def balanced_positions(labels: Tensor, count: int) -> list[int]:
    """`count` positions of labels (N,), ascending: equally many per class, evenly spread within each.

    Deterministic. A class with too few images gives all it has and the others give more. If the classes
    cannot give equally many, those that give one more are evenly spread over the classes. `count` must not
    exceed N.
    """
    members = [torch.nonzero(labels == label).flatten() for label in sorted(set(labels.tolist()))]
    shares = _shares([len(positions) for positions in members], count)
    chosen = [m[_evenly_spread(len(m), share)] for m, share in zip(members, shares, strict=True)]
    return sorted(torch.cat(chosen).tolist())


def positions_per_class(labels: Tensor, count: int, seed: int) -> list[int]:
    """`count` positions from each class of labels (N,), ascending, drawn by `seed` without replacement.

    What is drawn from a class does not depend on what other classes there are. A class with fewer images gives all it
    has, which is said in the log.
    """
    chosen: list[int] = []
    short: list[int] = []
    for label in sorted(set(labels.tolist())):
        members = torch.nonzero(labels == label).flatten().numpy()
        if len(members) < count:
            short.append(label)
        chosen += np.random.default_rng((seed, label)).permutation(members)[:count].tolist()
    if short:
        first = f"{', '.join(map(str, short[:5]))}{', …' * (len(short) > 5)}"
        log.warning("%d classes have fewer than %d test images and give all they have: %s", len(short), count, first)
    return sorted(chosen)


def last_tenth(labels: Tensor) -> Tensor:
    """Boolean (N,): the last tenth of each class, at least one image unless it is the only one."""
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in set(labels.tolist()):
        members = torch.nonzero(labels == label).flatten()
        held_out[members[1:][-max(len(members) // 10, 1) :]] = True
    return held_out


def _shares(sizes: list[int], count: int) -> list[int]:
    shares = [0] * len(sizes)
    while (left := count - sum(shares)) > 0:
        unfilled = [i for i, size in enumerate(sizes) if shares[i] < size]
        if left < len(unfilled):
            unfilled = [unfilled[i] for i in _evenly_spread(len(unfilled), left)]
        for i in unfilled:
            shares[i] += min(left // len(unfilled), sizes[i] - shares[i])
    return shares


def _evenly_spread(length: int, count: int) -> list[int]:
    return [(2 * i + 1) * length // (2 * count) for i in range(count)]
