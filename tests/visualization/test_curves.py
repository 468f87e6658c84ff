from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from relprop.metrics import InsertionDeletion
from relprop.visualization.curves import insertion_deletion_curves, mean_interval
from relprop.visualization.figures import save_figure
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images

FRACTIONS = [0.0, 0.25, 0.5, 0.75, 1.0]


def make_rows(count: int) -> list[dict[str, Any]]:
    """As `InsertionDeletion.rows` gives them."""
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        curves = {name: generator.random(5) for name in ("insertion", "deletion")}
        areas = {name: float(np.trapezoid(curve, FRACTIONS)) for name, curve in curves.items()}
        lists = {f"{name}_curve": curve.tolist() for name, curve in curves.items()}
        rows.append({"protocol": "strict", "target": 1, "fractions": list(FRACTIONS), **areas, **lists})
    return rows


def labels(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def drawn(axes: Axes) -> list[np.ndarray]:
    (collection,) = [artist for artist in axes.collections if isinstance(artist, LineCollection)]
    return [np.asarray(segment) for segment in collection.get_segments()]


def all_text(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def test_the_lines_are_the_means_and_the_curves_of_the_rows() -> None:
    rows = make_rows(7)
    figure = insertion_deletion_curves(rows, "title")
    for axes, name in zip(figure.axes, ("insertion", "deletion"), strict=True):
        curves = np.array([row[f"{name}_curve"] for row in rows])
        (mean,) = axes.lines
        np.testing.assert_array_equal(mean.get_xdata(), FRACTIONS)
        np.testing.assert_allclose(mean.get_ydata(), curves.mean(0))
        np.testing.assert_array_equal(np.stack(drawn(axes))[..., 1], curves)
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (0, 1))
        assert axes.get_title() == name.capitalize()


def test_the_legend_has_mean_and_standard_deviation_of_the_areas() -> None:
    rows = make_rows(7)
    for axes, name in zip(insertion_deletion_curves(rows, "title").axes, ("insertion", "deletion"), strict=True):
        areas = np.array([row[name] for row in rows])
        assert labels(axes) == [
            f"mean, area {areas.mean():.3f} ± {areas.std(ddof=1):.3f} (std)",
            "95 % interval of the mean (normal)",
            "each image",
        ]


def test_axes_title_and_protocol_are_named() -> None:
    figure = insertion_deletion_curves(make_rows(7), "LRP · ResNet-20")
    assert all_text(figure) == "LRP · ResNet-20\nprotocol strict, 7 images"
    assert [axes.get_xlabel() for axes in figure.axes] == ["share of pixels shown", "share of pixels hidden"]
    assert figure.axes[0].get_ylabel() == "probability of the explained class"


def test_the_interval_contains_the_mean_and_covers_95_percent() -> None:
    generator = np.random.default_rng(0)
    low, high = mean_interval(generator.random((30, 5)))
    assert (low < high).all()
    hits = []
    for _ in range(500):
        low, high = mean_interval(generator.random((40, 20)))
        hits.append(((low < 0.5) & (high > 0.5)).mean())
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_the_drawn_band_is_the_interval_and_the_shade_reaches_the_mean() -> None:
    rows = make_rows(9)
    axes = insertion_deletion_curves(rows, "title").axes[0]
    curves = np.array([row["insertion_curve"] for row in rows])
    shade, band = [artist for artist in axes.collections if not isinstance(artist, LineCollection)]
    low, high = mean_interval(curves)
    for area, bottom, top in ((band, low, high), (shade, 0 * low, curves.mean(0))):
        corners = area.get_paths()[0].vertices
        for x, y0, y1 in zip(FRACTIONS, bottom, top, strict=True):
            ys = corners[corners[:, 0] == x, 1]
            assert ys.min() == pytest.approx(y0) and ys.max() == pytest.approx(y1)


def test_at_most_200_curves_are_drawn_and_the_mean_is_of_all() -> None:
    rows = make_rows(450)
    axes = insertion_deletion_curves(rows, "title").axes[0]
    curves = np.array([row["insertion_curve"] for row in rows])
    segments = drawn(axes)
    assert len(segments) == 200 and labels(axes)[-1] == "200 of 450 images"
    np.testing.assert_array_equal([segments[0][:, 1], segments[-1][:, 1]], curves[[0, -1]])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), curves.mean(0))


@pytest.mark.parametrize("protocol", ["strict", "otsuki2024"])
def test_the_rows_of_the_metric_are_drawn(protocol: str) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    metric = InsertionDeletion(model, protocol=protocol, step=16, mean=(0, 0, 0), std=(1, 1, 1))
    metric.update(random_images(3), random_heatmaps(3), torch.tensor([0, 1, 2]))
    figure = insertion_deletion_curves(metric.rows, "title")
    assert f"protocol {protocol}, 3 images" in all_text(figure)
    for axes, name in zip(figure.axes, ("insertion", "deletion"), strict=True):
        assert labels(axes)[0].startswith(f"mean, area {metric.compute()[name]:.3f} ±")


def test_one_image_has_no_interval() -> None:
    rows = make_rows(1)
    figure = insertion_deletion_curves(rows, "title")
    assert labels(figure.axes[0]) == [f"mean, area {rows[0]['insertion']:.3f}"]
    assert "strict, 1 image" in all_text(figure) and "images" not in all_text(figure)


@pytest.mark.parametrize(("count", "title"), [(1, "LRP · ResNet-20"), (300, "a long title of many words " * 12)])
def test_text_is_free(count: int, title: str) -> None:
    assert_text_is_free(insertion_deletion_curves(make_rows(count), title))


def test_equal_rows_give_equal_bytes_and_are_left_alone(tmp_path: Path) -> None:
    rows = make_rows(5)
    for name in ("a.png", "b.png"):
        save_figure(insertion_deletion_curves(rows, "title"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert rows == make_rows(5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "otsuki2024"}, r"rows\[1\] and rows\[0\] differ in protocol"),
        ({"fractions": [0.0, 0.1, 0.5, 0.75, 1.0]}, r"rows\[1\] and rows\[0\] differ in fractions"),
        ({"insertion_curve": [0.5] * 4}, r"rows\[1\] has 4 points in insertion_curve and 5 fractions"),
        ({"deletion_curve": [0.5] * 4 + [float("nan")]}, r"rows\[1\] has NaN or infinite values in deletion"),
        ({"insertion": float("nan")}, r"rows\[1\] has NaN or infinite values in insertion"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    rows = make_rows(3)
    rows[1].update(change)
    with pytest.raises(ValueError, match=words):
        insertion_deletion_curves(rows, "title")


def test_missing_keys_and_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="rows is empty; at least one"):
        insertion_deletion_curves([], "title")
    rows = make_rows(2)
    del rows[1]["fractions"]
    with pytest.raises(ValueError, match=r"rows\[1\] lacks fractions; needed are protocol, fractions, insertion"):
        insertion_deletion_curves(rows, "title")
