from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from relprop.metrics import InsertionDeletion
from relprop.visualization.flips import flips_per_step
from tests.visualization.pictures import assert_text_is_free, random_images

GROWING = [0.0, 1 / 16, 4 / 16, 9 / 16, 1.0]
TIED = [[0.5, 0.5, 0.5, 1.0], [0.25, 0.5, 1.0, 1.0]]  # of two images, at EVEN
EVEN = [0.25, 0.5, 0.75, 1.0]


def make_rows(fractions: list[float], flips: list[list[float]] | None = None, count: int = 2) -> list[dict[str, Any]]:
    shared = {"protocol": "some", "fractions": fractions}
    return [{**shared, **({} if flips is None else {"flips": flips[index]})} for index in range(count)]


def steps(axes: Axes) -> dict[str, tuple[np.ndarray, Any]]:
    """Values and baseline of everything drawn, by label."""
    drawn = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    return {str(patch.get_label()): (patch.get_data().values, patch.get_data().baseline) for patch in drawn}


def headings(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_a_growing_schedule_flips_more_at_every_step() -> None:
    figure = flips_per_step(make_rows(GROWING), "title", pixels=16)
    new, all_so_far = (steps(axes) for axes in figure.axes)
    assert set(new) == set(all_so_far) == {"every image", "schedule"}
    for name in new:
        np.testing.assert_allclose(new[name][0], [1, 3, 5, 7])
        np.testing.assert_allclose(all_so_far[name][0], [6.25, 25, 56.25, 100])
    assert figure.axes[0].get_title() == "New pixels at each step"
    assert headings(figure) == ["title", "protocol some, 2 images"]


def test_ties_show_mean_range_and_schedule() -> None:
    figure = flips_per_step(make_rows(EVEN, TIED), "title")
    new, all_so_far = (steps(axes) for axes in figure.axes)
    np.testing.assert_allclose(new["mean of the images"][0], [37.5, 12.5, 25, 25])
    np.testing.assert_allclose(new["schedule"][0], [25] * 4)
    high, low = new["smallest to largest"]
    np.testing.assert_allclose(high, [50, 25, 50, 50])
    np.testing.assert_allclose(low, [25, 0, 0, 0])
    np.testing.assert_allclose(all_so_far["mean of the images"][0], [37.5, 50, 75, 100])
    np.testing.assert_allclose(all_so_far["schedule"][0], [25, 50, 75, 100])
    high, low = all_so_far["smallest to largest"]
    np.testing.assert_allclose(high, [50, 50, 100, 100])
    np.testing.assert_allclose(low, [25, 50, 50, 100])
    assert figure.axes[0].get_title() == "New pixels at each step, % of all pixels"


def test_steps_are_numbered_from_one_and_a_point_that_flips_nothing_is_none() -> None:
    figure = flips_per_step(make_rows([*GROWING, 1.0]), "title")
    for axes in figure.axes:
        assert axes.get_xlim() == (0.5, 4.5)
        assert all(tick == round(tick) for tick in axes.get_xticks())
    assert len(steps(flips_per_step(make_rows(EVEN), "title").axes[0])["schedule"][0]) == 4


def test_one_image_has_no_range() -> None:
    figure = flips_per_step(make_rows(EVEN, TIED, count=1), "title")
    assert set(steps(figure.axes[0])) == {"the image", "schedule"}
    assert headings(figure)[-1] == "protocol some, 1 image"


def test_the_flips_of_tied_heatmaps_are_drawn() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    metric = InsertionDeletion(model, protocol="otsuki2024", step=16, mean=(0, 0, 0), std=(1, 1, 1))
    heatmaps = torch.zeros(1, 8, 8)
    heatmaps[0, :3] = 1  # 24 of 64 pixels, of which 16 should flip first
    metric.update(random_images(1), heatmaps, torch.tensor([0]))
    drawn = steps(flips_per_step(metric.rows, "title", pixels=64).axes[0])
    np.testing.assert_allclose(drawn["the image"][0], [24, 40, 0, 0])
    np.testing.assert_allclose(drawn["schedule"][0], [17, 16, 16, 15])


@pytest.mark.parametrize(("flips", "pixels"), [(None, 10**6), (TIED, None)])
def test_text_is_free(flips: list[list[float]] | None, pixels: int | None) -> None:
    assert_text_is_free(flips_per_step(make_rows(EVEN, flips), "a long title of many words " * 12, pixels))


@pytest.mark.parametrize(
    ("flips", "words"),
    [
        ([0.5, 0.4, 0.5, 1.0], r"rows\[1\] must have flips that never fall, within \[0, 1\]"),
        ([0.5, 0.6, 0.7, 1.1], r"rows\[1\] must have flips that never fall"),
        ([0.5, 0.6, 1.0], r"rows\[1\] has 3 points in flips and 4 fractions"),
        ([0.5, 0.6, float("nan"), 1.0], r"rows\[1\] has NaN or infinite values in flips"),
    ],
)
def test_flips_that_cannot_be_are_refused(flips: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        flips_per_step(make_rows(EVEN, [TIED[0], flips]), "title")


def test_rows_that_do_not_fit_are_refused() -> None:
    rows = make_rows(EVEN, TIED)
    with pytest.raises(ValueError, match=r"rows\[0\] lacks flips; needed are protocol, fractions, flips"):
        flips_per_step([*make_rows(EVEN, count=1), *rows], "title")
    with pytest.raises(ValueError, match="differ in fractions"):
        flips_per_step([*make_rows(EVEN), *make_rows(GROWING)], "title")
    with pytest.raises(ValueError, match="pixels=0 must be at least 1, or None"):
        flips_per_step(rows, "title", pixels=0)
    with pytest.raises(ValueError, match="rows is empty"):
        flips_per_step([], "title")
