from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relprop.metrics.conservation import Conservation
from relprop.visualization.conservation import conservation_scatter
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images

START, AT_INPUT = [0.5, 0.8, 0.4], [0.5, 0.6, 0.1]  # relative errors 0, 0.25, 0.75


def make_rows(steps: dict[str, list[float]] | None = None) -> list[dict[str, Any]]:
    """As `Conservation.rows` gives them; `steps`: the sums of all images by step."""
    rows: list[dict[str, Any]] = [
        {"start": start, "input": end, "relative_error": abs(end - start) / start}
        for start, end in zip(START, AT_INPUT, strict=True)
    ]
    for index, row in enumerate(rows if steps else []):
        row |= {"steps": list(steps or ()), "sums": [sums[index] for sums in (steps or {}).values()]}
    return rows


def points(axes: Axes) -> np.ndarray:
    (dots,) = axes.collections
    return np.asarray(dots.get_offsets())


def errors(axes: Axes) -> str:
    legend = axes.get_legend()
    assert legend is not None
    return legend.get_texts()[1].get_text()


def note(figure: Figure) -> str:
    return figure.texts[-1].get_text()


def test_points_are_start_and_sum_of_every_image() -> None:
    figure = conservation_scatter(make_rows(), "title")
    (axes,) = figure.axes
    np.testing.assert_array_equal(points(axes), np.column_stack([START, AT_INPUT]))
    assert errors(axes) == "mean 0.33, worst 0.75"
    assert (axes.get_title(), axes.get_xlabel()) == ("at the input", "start relevance")
    assert axes.get_ylabel() == "sum of relevance" and note(figure) == "3 images"


@pytest.mark.parametrize(("factor", "limits"), [(1, (0, 1)), (-4, (-3.36, 0)), (10, (0, 8.4))])
def test_the_axes_are_equal_and_the_line_is_the_identity(factor: float, limits: tuple[float, float]) -> None:
    rows = [{**row, "start": factor * row["start"], "input": factor * row["input"]} for row in make_rows()]
    (axes,) = conservation_scatter(rows, "title").axes
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx(limits)
    assert axes.get_aspect() == 1
    box = axes.get_window_extent()
    assert box.width == pytest.approx(box.height)
    (identity,) = axes.lines
    assert identity.get_xy1() == (0, 0) and identity.get_slope() == 1


def test_every_step_has_a_panel_of_equal_limits_and_its_own_errors() -> None:
    figure = conservation_scatter(make_rows({"fc": START, "layer1": [1.0, 2.4, 0.4]}), "title")
    assert [axes.get_title() for axes in figure.axes] == ["at the input", "at fc", "at layer1"]
    assert [errors(axes) for axes in figure.axes] == ["mean 0.33, worst 0.75", "mean 0, worst 0", "mean 1, worst 2"]
    np.testing.assert_array_equal(points(figure.axes[2]), np.column_stack([START, [1.0, 2.4, 0.4]]))
    assert {axes.get_xlim() for axes in figure.axes} == {axes.get_ylim() for axes in figure.axes}
    assert figure.axes[0].get_ylim() == pytest.approx((0, 2.52))


def test_of_many_steps_four_are_drawn_and_the_input_once() -> None:
    figure = conservation_scatter(make_rows({"input": AT_INPUT, **{f"s{i}": START for i in range(7)}}), "title")
    names = ["at the input", "at s0", "at s2", "at s4", "at s6"]
    assert [axes.get_title() for axes in figure.axes] == names
    assert note(figure) == "3 images, 4 of 7 steps"


def test_errors_are_relative_to_the_size_of_the_start_and_those_at_the_input_the_metrics_own() -> None:
    rows = make_rows({"fc": [-0.4, -1.0, -0.4]})
    rows = [{**row, "start": -row["start"], "relative_error": 0.5} for row in rows]
    texts = [errors(axes) for axes in conservation_scatter(rows, "title").axes]
    assert texts == ["mean 0.5, worst 0.5", "mean 0.15, worst 0.25"]


def test_a_start_of_zero_has_its_error_undivided() -> None:
    rows = make_rows({"fc": [0.5, 0.8, 0.3]})
    rows[2] |= {"start": 0.0, "relative_error": 0.1}
    assert errors(conservation_scatter(rows, "title").axes[1]) == "mean 0.1, worst 0.3"


def test_the_rows_of_the_metric_are_drawn() -> None:
    def trace(images: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"input": images / 1000, "conv": images / 500, "fc": torch.ones(len(images), 2)}

    images = random_images(3)
    metric = Conservation(torch.nn.Identity(), trace, steps=["conv"])
    metric.update(images, random_heatmaps(3), torch.zeros(3, dtype=torch.long))
    at_input, at_step = conservation_scatter(metric.rows, "title").axes
    sums = images.sum((1, 2, 3)).numpy()
    np.testing.assert_allclose(points(at_input), np.column_stack([[2] * 3, sums / 1000]), rtol=1e-5)
    np.testing.assert_allclose(points(at_step), np.column_stack([[2] * 3, sums / 500]), rtol=1e-5)
    scores = metric.compute()
    assert errors(at_input) == f"mean {scores['relative_error']:.2g}, worst {scores['worst_relative_error']:.2g}"


@pytest.mark.parametrize("steps", [0, 3, 9])
def test_text_is_free(steps: int) -> None:
    rows = make_rows({f"layer{i}.0.a_step_of_a_very_long_name": [-9000.0, 2e-7, 0.4] for i in range(steps)})
    assert_text_is_free(conservation_scatter(rows, "a long title of many words " * 12))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": float("nan")}, r"rows\[1\] has NaN or infinite values in start"),
        ({"sums": [0.1, 0.2]}, r"rows\[1\] has 2 points in sums and 1 steps"),
        ({"steps": ["conv"]}, r"rows\[1\] and rows\[0\] differ in steps"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    rows = make_rows({"fc": START})
    rows[1] |= change
    with pytest.raises(ValueError, match=words):
        conservation_scatter(rows, "title")


def test_missing_keys_and_no_rows_are_refused() -> None:
    rows = make_rows({"fc": START})
    del rows[2]["sums"]
    with pytest.raises(ValueError, match=r"rows\[2\] lacks sums; needed are start, input, relative_error, steps, sums"):
        conservation_scatter(rows, "title")
    with pytest.raises(ValueError, match="rows is empty"):
        conservation_scatter([], "title")
