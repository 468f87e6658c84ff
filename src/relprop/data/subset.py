"""A part of a labelled data set that stands for the whole."""

import torch
from torch import Tensor


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
