from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from relprop.metrics import InsertionDeletion, PixelFlipping
from relprop.visualization.curves import mean_interval, perturbation_curves
from relprop.visualization.figures import save_figure
from tests.visualization.metric_rows import BOTH, FRACTIONS, add, make_rows
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images


def areas_of(axes: Axes) -> list[tuple[np.ndarray, Any]]:
    """Corners of everything shaded, and its label."""
    shaded = [artist for artist in axes.collections if not isinstance(artist, LineCollection)]
    return [(np.concatenate([path.vertices for path in area.get_paths()]), area.get_label()) for area in shaded]


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
    figure = perturbation_curves(rows, "title")
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
    for axes, name in zip(perturbation_curves(rows, "title").axes, ("insertion", "deletion"), strict=True):
        areas = np.array([row[name] for row in rows])
        assert labels(axes) == [
            f"mean, area {areas.mean():.3f} ± {areas.std(ddof=1):.3f} (std)",
            "95 % interval of the mean (normal)",
            "each image",
        ]


def test_axes_title_and_protocol_are_named() -> None:
    figure = perturbation_curves(make_rows(7), "LRP · ResNet-20")
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
    axes = perturbation_curves(rows, "title").axes[0]
    curves = np.array([row["insertion_curve"] for row in rows])
    (shade, _), (band, _) = areas_of(axes)
    low, high = mean_interval(curves)
    for corners, bottom, top in ((band, low, high), (shade, 0 * low, curves.mean(0))):
        for x, y0, y1 in zip(FRACTIONS, bottom, top, strict=True):
            ys = corners[corners[:, 0] == x, 1]
            assert ys.min() == pytest.approx(y0) and ys.max() == pytest.approx(y1)


def test_at_most_200_curves_are_drawn_and_the_mean_is_of_all() -> None:
    rows = make_rows(450)
    axes = perturbation_curves(rows, "title").axes[0]
    curves = np.array([row["insertion_curve"] for row in rows])
    segments = drawn(axes)
    assert len(segments) == 200 and labels(axes)[-1] == "200 of 450 images"
    np.testing.assert_array_equal([segments[0][:, 1], segments[-1][:, 1]], curves[[0, -1]])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), curves.mean(0))


@pytest.mark.parametrize(("names", "panels"), [(("morf",), 1), (BOTH, 2), (("morf", "random"), 3), (("lerf",), 1)])
def test_every_curve_has_a_panel_and_what_is_compared_another(names: tuple[str, ...], panels: int) -> None:
    rows = make_rows(3, names, "auc_")
    axes = perturbation_curves(rows, "title").axes
    assert len(axes) == panels
    for panel, name in zip(axes, names, strict=False):
        np.testing.assert_allclose(panel.lines[0].get_ydata(), np.mean([row[f"{name}_curve"] for row in rows], 0))
    lefts, bottoms = ([getattr(panel.get_position(), side) for panel in axes] for side in ("x0", "y0"))
    assert lefts == sorted(set(lefts)) and len(set(bottoms)) == 1  # in a row


def test_three_curves_and_their_comparison_fill_two_rows() -> None:
    axes = perturbation_curves(make_rows(3, ("morf", "lerf", "random"), "auc_"), "title").axes
    titles = ["MoRF, most relevant first", "LeRF, least relevant first", "Random order", "Area between the curves"]
    assert [panel.get_title() for panel in axes] == titles
    assert len({panel.get_position().x0 for panel in axes}) == len({panel.get_position().y0 for panel in axes}) == 2
    assert {panel.get_xlabel() for panel in axes} == {"share of pixels flipped"}
    assert [bool(panel.get_ylabel()) for panel in axes] == [True, False, True, False]


def test_the_comparison_shades_the_area_between_the_means_and_names_it() -> None:
    rows = make_rows(6, ("morf", "lerf", "random"), "auc_")
    for name, lift in (("lerf", 2.0), ("random", 1.0)):  # so that no two curves cross
        add(rows, f"{name}_curve", lift)
        add(rows, f"auc_{name}", lift)
    panel = perturbation_curves(rows, "title").axes[3]
    shaded = {label: corners for corners, label in areas_of(panel)}
    morf, lerf, random = (np.mean([row[f"{name}_curve"] for row in rows], 0) for name in ("morf", "lerf", "random"))
    for line, mean in zip(panel.lines, (morf, lerf, random), strict=True):
        np.testing.assert_allclose(line.get_ydata(), mean)
    assert labels(panel)[:3] == ["MoRF", "LeRF", "Random"] and len(labels(panel)) == 5
    for name, mean in (("LeRF", lerf), ("Random", random)):
        gains = np.array([row[f"auc_{name.lower()}"] - row["auc_morf"] for row in rows])
        corners = shaded[f"{name} − MoRF {gains.mean():.3f} ± {gains.std(ddof=1):.3f} (std)"]
        for x, low, high in zip(FRACTIONS, morf, mean, strict=True):
            ys = corners[corners[:, 0] == x, 1]
            assert ys.min() == pytest.approx(low) and ys.max() == pytest.approx(high)


def test_where_most_relevant_first_is_higher_the_area_counts_as_negative() -> None:
    rows = make_rows(2, ("morf", "lerf"), "auc_")
    for row in rows:
        row["morf_curve"], row["lerf_curve"] = [0.6, 0.6, 0.2, 0.2, 0.2], [0.2, 0.2, 0.6, 0.6, 0.6]
    panel = perturbation_curves(rows, "title").axes[2]
    *_, (gained, _), (lost, label) = areas_of(panel)
    assert label == labels(panel)[-1] == "counts as negative"
    assert lost[:, 0].max() == pytest.approx(0.375) == gained[:, 0].min()  # where the means cross
    add(rows, "lerf_curve", 0.5)
    assert "counts as negative" not in labels(perturbation_curves(rows, "title").axes[2])


def test_aopc_lies_between_the_curve_and_its_beginning() -> None:
    rows = make_rows(4, ("morf", "random"), "aopc_")
    morf, _, comparison = perturbation_curves(rows, "title").axes
    areas = {name: np.array([row[f"aopc_{name}"] for row in rows]) for name in ("morf", "random")}
    assert labels(morf)[0].startswith(f"mean, AOPC {areas['morf'].mean():.3f} ±")
    mean = np.mean([row["morf_curve"] for row in rows], 0)
    corners = areas_of(morf)[0][0]
    for x, y in zip(FRACTIONS, mean, strict=True):
        ys = corners[corners[:, 0] == x, 1]
        assert (ys.min(), ys.max()) == pytest.approx((min(y, mean[0]), max(y, mean[0])))
    gain = (areas["morf"] - areas["random"]).mean()
    assert any(text.startswith(f"MoRF − Random {gain:.3f} ±".replace("-", "−")) for text in labels(comparison))
    assert comparison.get_title() == "Difference of AOPC"


@pytest.mark.parametrize("score", ["logit", "log_odds"])
def test_other_scores_take_the_limits_that_all_curves_and_the_area_need(score: str) -> None:
    rows = make_rows(3, score=score)
    add(rows, "insertion_curve", 7.0)
    add(rows, "deletion_curve", 3.0)
    insertion, deletion = perturbation_curves(rows, "title").axes
    assert insertion.get_ylim() == deletion.get_ylim()
    low, high = insertion.get_ylim()
    highest = max(max(row["insertion_curve"]) for row in rows)
    assert -0.5 < low < 0 and highest < high < highest + 0.5
    assert insertion.get_ylabel() == f"{score.replace('_', '-')} of the explained class"


def test_the_x_axis_ends_where_the_protocol_does() -> None:
    fractions = [0.0, 0.01, 0.04, 0.09, 0.16]
    axes = perturbation_curves(make_rows(3, fractions=fractions), "title").axes[0]
    assert axes.get_xlim() == (0, 0.16)
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), fractions)


@pytest.mark.parametrize(
    ("metric", "protocol", "columns"),
    [
        (InsertionDeletion, "strict", ("insertion", "deletion")),
        (InsertionDeletion, "otsuki2024", ("insertion", "deletion")),
        (PixelFlipping, "strict", ("auc_morf", "auc_lerf", "auc_random")),
        (PixelFlipping, "samek2016", ("aopc_morf", "aopc_random")),
        (PixelFlipping, "srg", ("auc_morf", "auc_lerf")),
        (PixelFlipping, "bermudez2022", ("auc_morf", "auc_lerf")),
    ],
)
def test_the_rows_of_the_metric_are_drawn(metric: Any, protocol: str, columns: tuple[str, ...]) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 12 * 12, 4))
    scorer = metric(model, protocol=protocol, mean=(0, 0, 0), std=(1, 1, 1))
    scorer.update(random_images(3, 12, 12), random_heatmaps(3, 12, 12), torch.tensor([0, 1, 2]))
    figure = perturbation_curves(scorer.rows, "title")
    means = scorer.compute()
    assert f"protocol {protocol}, 3 images" in all_text(figure)
    for axes, column in zip(figure.axes, columns, strict=False):
        kind = "AOPC" if column.startswith("aopc") else "area"
        assert labels(axes)[0].startswith(f"mean, {kind} {means[column]:.3f} ±".replace("-", "−"))
    gains = [f" {means[name]:.3f} ±".replace("-", "−") for name in ("srg", "over_random") if name in means]
    assert all(any(gain in text for text in labels(figure.axes[-1])) for gain in gains)


def test_one_image_has_no_interval() -> None:
    rows = make_rows(1)
    figure = perturbation_curves(rows, "title")
    assert labels(figure.axes[0]) == [f"mean, area {rows[0]['insertion']:.3f}"]
    assert "strict, 1 image" in all_text(figure) and "images" not in all_text(figure)


@pytest.mark.parametrize(
    ("names", "count"), [(("morf",), 12), (BOTH, 1), (("morf", "random"), 12), (("morf", "lerf", "random"), 2)]
)
def test_text_is_free(names: tuple[str, ...], count: int) -> None:
    rows = make_rows(count, names, "aopc_", score="log_odds")
    for row in rows:
        row |= {key: [100 * number - 50 for number in row[key]] for key in row if key.endswith("_curve")}
    assert_text_is_free(perturbation_curves(rows, "a long title of many words " * 12))


def test_equal_rows_give_equal_bytes_and_are_left_alone(tmp_path: Path) -> None:
    rows = make_rows(5)
    for name in ("a.png", "b.png"):
        save_figure(perturbation_curves(rows, "title"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert rows == make_rows(5)
