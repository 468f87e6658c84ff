from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import kendalltau, rankdata

from relprop.visualization import rank_comparison
from relprop.visualization.scores import BLUE, ORANGE
from tests.visualization.pictures import assert_text_is_free, text_boxes

SCORES = {"a": (0.9, 0.1), "b": (0.8, 0.8), "c": (0.7, 0.7), "d": (0.6, 0.9), "e": (0.5, 0.5), "f": (0.4, 0.4)}


def slopes(scores: Any = SCORES, better: Any = "higher", title: str = "title") -> Figure:
    return rank_comparison(scores, ("strict", "otsuki2024"), "id", better, title)


def places(figure: Figure) -> list[list[float]]:
    """Where each method's line begins and ends, from the top."""
    return [np.asarray(line.get_ydata()).tolist() for line in figure.axes[0].lines]


def colours(figure: Figure) -> list[str]:
    return [to_hex(line.get_color()) for line in figure.axes[0].lines]


def heading(figure: Figure) -> str:
    above = max(index for index, text in enumerate(figure.texts) if text.get_fontsize() == 8)
    return " ".join(text.get_text() for text in figure.texts[: above + 1])


def texts_at(figure: Figure, line: int, side: int) -> list[str]:
    """What stands on one side of the chart at a line, from left to right."""
    axes = figure.axes[0]
    y = axes.transData.transform((0, line))[1]
    middle = axes.get_window_extent().x0 + axes.get_window_extent().width / 2
    found = [
        (box.x0, text.rsplit(" #", 1)[0])
        for text, box in text_boxes(figure).items()
        if box.y0 < y < box.y1 and (box.x0 > middle) == bool(side)
    ]
    return [text for _, text in sorted(found)]


def test_lines_lead_from_place_to_place_with_the_best_on_top() -> None:
    assert places(slopes()) == [[0, 5], [1, 1], [2, 2], [3, 0], [4, 3], [5, 4]]
    assert places(slopes(better="lower")) == [[5, 0], [4, 4], [3, 3], [2, 5], [1, 2], [0, 1]]


def test_name_score_and_rank_stand_beside_the_ends_of_the_lines() -> None:
    figure = slopes()
    assert texts_at(figure, 0, 0) == ["a", "0.900", "1"] and texts_at(figure, 0, 1) == ["1", "0.900", "d"]
    assert texts_at(figure, 5, 0) == ["f", "0.400", "6"] and texts_at(figure, 5, 1) == ["6", "0.100", "a"]


def test_scores_that_look_alike_share_a_rank_but_no_place() -> None:
    figure = slopes({"a": (0.5, 3), "b": (0.7001, 2), "c": (0.7, 1), "d": (-0.1, 0)})
    assert places(figure) == [[2, 0], [0, 1], [1, 2], [3, 3]]
    assert [texts_at(figure, line, 0)[-1] for line in range(4)] == ["1", "1", "3", "4"]


def test_those_that_move_most_are_blue_if_they_rise_and_orange_if_they_fall() -> None:
    figure = slopes()
    assert colours(figure)[0] == ORANGE and colours(figure)[3] == BLUE
    assert colours(figure)[1] == colours(figure)[2] == "#b8b8b8"
    assert "up (blue) or down (orange) by 1 rank or more" in heading(figure)
    named = {text.get_text(): to_hex(text.get_color()) for text in figure.texts}
    assert (named["a"], named["b"], named["d"]) == (ORANGE, "#222222", BLUE)
    moved = {str(i): (i, i) for i in range(20)} | {"up": (-1, 9.5), "down": (30, 4.5), "little": (10.5, 7.5)}
    figure = slopes(moved)
    assert [colours(figure)[i] for i in (20, 21, 22)] == [BLUE, ORANGE, ORANGE]
    assert set(colours(figure)[:20]) == {"#b8b8b8"}


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_change_their_order_are_those_of_kendall(seed: int) -> None:
    """Without ties τ = 1 − 2 · swapped / pairs (Kendall 1938)."""
    values = np.random.default_rng(seed).random((12, 2)).round(3)
    figure = slopes({str(i): tuple(pair) for i, pair in enumerate(values)})
    swapped = round((1 - kendalltau(*values.T).statistic) / 2 * 66)
    assert f"{swapped} of 66 pairs of methods change places" in heading(figure)


def test_a_pair_that_is_tied_by_one_protocol_does_not_change_its_order() -> None:
    assert "0 of 1 pairs" in heading(slopes({"a": (1, 1), "b": (1, 2)}))


def test_places_are_the_ranks_of_scipy() -> None:
    values = np.random.default_rng(3).permutation(20).reshape(10, 2) / 20
    drawn = np.array(places(slopes({str(i): tuple(pair) for i, pair in enumerate(values)}, "lower")))
    np.testing.assert_array_equal(drawn + 1, rankdata(values, axis=0))


def test_nothing_has_a_colour_where_the_order_is_the_same() -> None:
    figure = slopes({"a": (1, 2), "b": (2, 3), "c": (3, 4)})
    assert set(colours(figure)) == {"#b8b8b8"}
    assert heading(figure).endswith("0 of 3 pairs of methods change places")


def test_methods_without_both_scores_are_named_and_have_no_place() -> None:
    figure = slopes({**SCORES, "lime": (None, 0.5), "rise": (0.5, None)})
    assert places(figure) == places(slopes())
    assert heading(figure).endswith("without both scores: lime, rise")


@pytest.mark.parametrize("count", [2, 25])
def test_text_is_free(count: int) -> None:
    values = np.random.default_rng(0).random((count, 2)) - 1
    names = [f"{'a method with quite a long name, much too long, ' * (i % 3)}{i}" for i in range(count)]
    figure = slopes({**dict(zip(names, map(tuple, values), strict=True)), "x": (None, 1)}, title="many words " * 20)
    assert_text_is_free(figure)
    drawn = figure.axes[0].get_window_extent()
    for text, box in text_boxes(figure).items():
        assert not box.overlaps(drawn), f"{text!r} lies on the lines"


@pytest.mark.parametrize("scores", [{}, {"a": (1, 2)}, {"a": (1, 2), "b": (None, 1)}, {"a": (1, 2), "b": (np.nan, 1)}])
def test_fewer_than_two_methods_and_nan_are_refused(scores: Any) -> None:
    with pytest.raises(ValueError, match="scores must have two finite scores of each of two or more methods"):
        slopes(scores)
