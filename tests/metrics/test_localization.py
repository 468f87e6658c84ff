"""Localization against loops over pixels, and against every order in which equal values can be taken."""

import json
from itertools import permutations, product
from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.localization import Localization

SCORES = ("pointing_game", "relevance_mass", "relevance_rank")


def score(heatmaps: Tensor, boxes: Tensor, **options: object) -> list[dict]:
    """The rows for these heatmaps; the metric never asks the model, which here could not answer."""
    metric = Localization(nn.Identity(), **options)
    count, *size = heatmaps.shape
    metric.update(torch.zeros(count, 3, *size), heatmaps, torch.zeros(count, dtype=torch.long), boxes)
    return metric.rows


def literal(heatmap: Tensor, box: list[float], tolerance: float) -> dict[str, float]:
    """The scores by loops over pixels; for `relevance_rank` the mean over all orders of equal values is not here."""
    height, width = heatmap.shape
    left, top, right, bottom = box
    pixels = list(product(range(height), range(width)))
    inside = [(y, x) for y, x in pixels if left <= x + 0.5 < right and top <= y + 0.5 < bottom]
    value = {(y, x): heatmap[y, x].item() for y, x in pixels}
    maxima = [pixel for pixel in pixels if value[pixel] == max(value.values())]
    hits = [
        any((y - v) ** 2 + (x - u) ** 2 <= tolerance**2 for v, u in inside)
        for y, x in maxima
    ]  # fmt: skip
    positive = sum(v for v in value.values() if v > 0)
    share = len(inside) / len(pixels)
    return {
        "pointing_game": sum(hits) / len(hits),
        "relevance_mass": sum(value[p] for p in inside if value[p] > 0) / positive if positive else share,
        "box_share": share,
    }


def literal_rank(heatmap: Tensor, inside: Tensor) -> float:
    """The mean share inside of the first K pixels over all orders that the values allow."""
    values, mask = heatmap.flatten().tolist(), inside.flatten().tolist()
    count, shares = sum(mask), []
    for order in permutations(range(len(values))):
        largest = sorted(order, key=lambda i: -values[i])[:count]  # sorted() keeps the order of equal values
        shares.append(sum(mask[i] for i in largest) / count)
    return sum(shares) / len(shares)


@st.composite
def heatmaps_and_boxes(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Maps with and without ties and a box that reaches over the edges, at times along the pixels' centres."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    heatmap = torch.randn(height, width, generator=torch.Generator().manual_seed(draw(st.integers(0, 1000))))
    if levels := draw(st.sampled_from([None, 1, 2])):
        heatmap = (heatmap * levels).round() / levels
    step = draw(st.sampled_from([0.1, 0.5, 1.0]))

    def interval(length: int) -> tuple[float, float]:
        pixel = draw(st.integers(0, length - 1))  # one whose centre is in the box
        low, high = draw(st.integers(0, int(12 / step))), draw(st.integers(1, int(12 / step)))
        return pixel + 0.5 - step * low, pixel + 0.5 + step * high

    (left, right), (top, bottom) = interval(width), interval(height)
    return heatmap.unsqueeze(0), torch.tensor([[left, top, right, bottom]], dtype=torch.float64)


@settings(max_examples=100, deadline=None)
@given(case=heatmaps_and_boxes(), tolerance=st.sampled_from([0, 1, sqrt(2), 2.5, 5]))
def test_equals_loops_over_pixels(case: tuple[Tensor, Tensor], tolerance: float) -> None:
    heatmaps, boxes = case
    (row,) = score(heatmaps, boxes, tolerance=tolerance)
    expected = literal(heatmaps[0], boxes[0].tolist(), tolerance)
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    height, width = heatmaps.shape[1:]
    left, top, right, bottom = boxes[0].tolist()
    assert row["box"] == [max(left, 0), max(top, 0), min(right, width), min(bottom, height)]


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=6, max_size=6),
    left=st.integers(0, 2), top=st.integers(0, 1), width=st.integers(1, 3), height=st.integers(1, 2),
)  # fmt: skip
def test_rank_is_the_mean_over_all_orders_of_equal_values(values, left, top, width, height) -> None:
    heatmap, inside = torch.tensor(values).view(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    inside[top : top + height, left : left + width] = True
    (row,) = score(heatmap.unsqueeze(0), torch.tensor([[left, top, left + width, top + height]]))
    assert row["relevance_rank"] == pytest.approx(literal_rank(heatmap, inside), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(case=heatmaps_and_boxes())
def test_side_and_scale_do_not_matter(case: tuple[Tensor, Tensor]) -> None:
    """Mirrored, turned and multiplied heatmaps score the same; the order alone counts for two of the scores."""
    heatmaps, boxes = case
    (row,) = score(heatmaps, boxes)
    width = heatmaps.shape[2]
    left, top, right, bottom = boxes.unbind(1)
    changed = {
        # Another box where an edge lies on a pixel's centre: a nudge takes the edge off it.
        "mirrored": (heatmaps.flip(2), torch.stack([width - right + 1e-6, top, width - left + 1e-6, bottom], 1)),
        "turned": (heatmaps.mT, torch.stack([top, left, bottom, right], 1)),
        "scaled": (4 * heatmaps, boxes),
    }
    for name, (maps, moved) in changed.items():
        (other,) = score(maps, moved)
        assert {s: other[s] for s in SCORES} == pytest.approx({s: row[s] for s in SCORES}, abs=1e-9), name
    (exponential,) = score(heatmaps.exp(), boxes)
    assert [exponential[s] for s in SCORES[::2]] == pytest.approx([row[s] for s in SCORES[::2]])


BOX = torch.tensor([[2.0, 1.0, 5.0, 7.0]])  # 3×6 of 8×8 pixels


def test_all_relevance_in_the_box_and_none() -> None:
    inside = torch.zeros(1, 8, 8)
    inside[0, 1:7, 2:5] = torch.rand(6, 3) + 0.1
    (best,), (worst,) = score(inside, BOX), score((inside == 0) + torch.rand(1, 8, 8) * (inside == 0), BOX)
    assert [best[s] for s in SCORES] == [1, 1, 1]
    assert [worst[s] for s in SCORES] == [0, 0, 0]
    assert best["box_share"] == worst["box_share"] == 18 / 64


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_constant_heatmap_scores_as_a_random_one(value: float) -> None:
    (row,) = score(torch.full((1, 8, 8), value), BOX)
    assert [row[s] for s in SCORES] == pytest.approx([18 / 64] * 3, abs=1e-12)


@pytest.mark.parametrize("signed", [False, True])
def test_random_heatmaps_score_the_share_of_the_box(signed: bool) -> None:
    """The mean of 4,000 is within four standard errors, of which the largest is that of a coin that falls to 18/64."""
    torch.manual_seed(0)
    maps = torch.randn(4000, 8, 8) if signed else torch.rand(4000, 8, 8)
    rows = score(maps, BOX.expand(4000, 4))
    bound = 4 * sqrt(18 / 64 * 46 / 64 / 4000)
    for name in SCORES:
        assert sum(row[name] for row in rows) / 4000 == pytest.approx(18 / 64, abs=bound), name


def test_negative_relevance_has_no_mass() -> None:
    heatmap = torch.zeros(1, 8, 8)
    heatmap[0, 2, 3], heatmap[0, 0, 0], heatmap[0, 3, 3], heatmap[0, 7, 7] = 3, 1, -5, -1
    (row,) = score(heatmap, BOX)
    assert row["relevance_mass"] == 0.75
    (all_negative,) = score(-torch.rand(1, 8, 8) - 0.1, BOX)
    assert all_negative["relevance_mass"] == pytest.approx(18 / 64)


def test_tolerance_is_a_distance_and_not_a_larger_box() -> None:
    def hit(y: int, x: int, tolerance: float) -> float:
        heatmap = torch.zeros(1, 40, 40)
        heatmap[0, y, x] = 1
        (row,) = score(heatmap, torch.tensor([[20, 20, 30, 30]]), tolerance=tolerance)
        return row["pointing_game"]

    assert [hit(25, x, 0) for x in (19, 20, 29, 30)] == [0, 1, 1, 0]
    assert [hit(25, x, 15) for x in (4, 5)] == [0, 1]  # 16 and 15 pixels left of the box's first
    assert [hit(11, 8, 15), hit(11, 7, 15), hit(5, 5, 15)] == [1, 0, 0]  # 9, 12 is 15 away; then beside the corner


def test_several_images_and_updates() -> None:
    torch.manual_seed(0)
    maps, boxes, images = (
        torch.randn(5, 8, 8),
        torch.tensor([[0, 0, i + 1, 8] for i in range(5)]),
        torch.zeros(5, 3, 8, 8),
    )
    metric, target = Localization(nn.Identity()), torch.arange(5)
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(images[part], maps[part], target[part], boxes[part])
    assert [row.pop("target") for row in metric.rows] == target.tolist()
    alone = [score(maps[i : i + 1], boxes[i : i + 1])[0] for i in range(5)]
    for row, one in zip(metric.rows, alone, strict=True):
        assert {name: row[name] for name in (*SCORES, "box_share")} == {
            name: one[name] for name in (*SCORES, "box_share")
        }
    assert metric.compute() == pytest.approx({name: sum(row[name] for row in alone) / 5 for name in SCORES})
    assert json.loads(json.dumps(metric.rows)) == metric.rows
    assert metric.description == {"tolerance": 0}
    assert set(metric.better.values()) == {"higher"}


def test_half_precision_is_summed_exactly() -> None:
    """100×100 ones: in float16 their sum would be 2,048."""
    (row,) = score(torch.ones(1, 100, 100, dtype=torch.float16), torch.tensor([[0, 0, 50, 100]]))
    assert [row[s] for s in SCORES] == [0.5, 0.5, 0.5]


def test_images_without_boxes_are_refused() -> None:
    with pytest.raises(UserError, match=r"metric=localization needs boxes: .*\(dataset=cub\)"):
        score(torch.rand(1, 8, 8), None)


EMPTY = {
    "right": [8, 0, 12, 8],
    "left": [-3, 0, 0.4, 8],
    "below": [0, 8, 8, 9],
    "empty": [3, 3, 3, 5],
    "turned": [5, 1, 2, 7],
    "between": [2.6, 0, 3.4, 8],
    "nan": [0, 0, float("nan"), 8],
}


@pytest.mark.parametrize("box", EMPTY.values(), ids=EMPTY)
def test_box_without_a_pixel_is_named(box: list[float]) -> None:
    with pytest.raises(UserError, match=r"boxes \[1\] have no pixel in the images of 8×8; ") as caught:
        score(torch.rand(2, 8, 8), torch.tensor([[0, 0, 8, 8], box]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tolerance", [-1, float("nan")])
def test_impossible_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(UserError, match=f"tolerance={tolerance} must be 0 pixels or more"):
        Localization(nn.Identity(), tolerance=tolerance)
