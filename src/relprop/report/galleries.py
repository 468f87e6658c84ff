"""The pictures of a section as the page shows them: the same images by all methods, and each one's best and worst."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relprop.report.page import Gallery, Shown
from relprop.report.pictures import Picture, Pictures


@dataclass(frozen=True)
class Pair:
    """An image and its heatmap, embedded."""

    image: Picture
    heatmap: Picture
    caption: str


@dataclass(frozen=True)
class Extremes:
    """The best and the worst pairs of the method with this number."""

    method: int
    best: Sequence[Pair]
    worst: Sequence[Pair]


@dataclass(frozen=True)
class Same:
    """A column for each image and a row for each method: its number, and its pair in each column where it has one."""

    images: Sequence[Picture]
    rows: Sequence[tuple[int, Sequence[Pair | None]]]


def extremes(galleries: Sequence[Gallery], numbers: Mapping[str, int], pictures: Pictures) -> list[Extremes]:
    """Of the methods that have any."""
    return [
        Extremes(numbers[gallery.method], _pairs(gallery.best, pictures), _pairs(gallery.worst, pictures))
        for gallery in galleries
        if gallery.best or gallery.worst
    ]


def same(galleries: Sequence[Gallery], numbers: Mapping[str, int], pictures: Pictures) -> Same:
    """Images are the same if all their pixels are; one that a method shows twice has two columns."""
    found = [(numbers[gallery.method], _by_image(_pairs(gallery.same, pictures))) for gallery in galleries]
    columns = list(dict.fromkeys(column for _, pairs in found for column in pairs))
    rows = [(number, [pairs.get(column) for column in columns]) for number, pairs in found if pairs]
    return Same([image for image, _ in columns], rows)


def _by_image(pairs: Sequence[Pair]) -> dict[tuple[Picture, int], Pair]:
    """By image, and how often it has been there before."""
    before: Counter[Picture] = Counter()
    placed = {}
    for pair in pairs:
        placed[pair.image, before[pair.image]] = pair
        before[pair.image] += 1
    return placed


def _pairs(shown: Sequence[Shown], pictures: Pictures) -> list[Pair]:
    return [Pair(pictures.add(each.image), pictures.add(each.heatmap), each.caption) for each in shown]
