"""Painted squares: the picture of a literal loop over pixels, and strokes that a browser could not have told."""

import math
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from relprop.demo.patches import MOST_STROKES, PAINTS, Picture, Stroke, painted, read_stroke
from relprop.errors import UserError
from tests.demo.rooms import DIGITS, JSON, everywhere, normalised, picture, pixels
from tests.metrics import literal

MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in (DIGITS.mean, DIGITS.std))


def paint_of(clean: Tensor, paint: str) -> Tensor:
    """The whole picture in a paint, uint8 (3, S, S), by the metrics' literal fills."""
    filled = literal.filled(PAINTS[paint], normalised(clean)[0], MEAN, STD, seed=0)
    return (filled * STD + MEAN).clamp(0, 1).mul(255).round().byte()


def slowly(shown: Picture) -> Tensor:
    """Stroke after stroke, square after square, pixel by pixel."""
    result, size = shown.clean.clone(), shown.clean.shape[-1]
    for stroke in shown.strokes:
        paint = paint_of(shown.clean, stroke.paint)
        for row, column in stroke.cells:
            for y in range(row * stroke.side, min((row + 1) * stroke.side, size)):
                for x in range(column * stroke.side, min((column + 1) * stroke.side, size)):
                    result[:, y, x] = paint[:, y, x]
    return result


@pytest.mark.parametrize("side", [1, 5, 8, 20, 32])
def test_the_picture_is_that_of_a_loop_over_pixels(side: int) -> None:
    last, choose = (32 - 1) // side, torch.Generator().manual_seed(side)
    strokes = []
    for paint in (*PAINTS, "black", "mean"):
        cells = torch.randint(0, last + 1, (4, 2), generator=choose).tolist()
        strokes.append(Stroke(paint, side, tuple((row, column) for row, column in cells)))
    shown = picture(*strokes)
    before = shown.clean.clone()
    assert torch.equal(painted(shown, DIGITS), slowly(shown))
    assert torch.equal(shown.clean, before)


def test_plain_paints_have_exactly_their_colours() -> None:
    mean = [round(255 * value) for value in DIGITS.mean]
    for paint, colour in {"black": [0, 0, 0], "white": [255, 255, 255], "mean": mean}.items():
        shown = painted(picture(everywhere(paint)), DIGITS)
        assert shown.dtype == torch.uint8
        assert torch.equal(shown, torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1).expand(3, 32, 32))


@pytest.mark.parametrize("paint", ["noise", "blur"])
def test_other_paints_are_the_same_always_and_the_pictures_own(paint: str) -> None:
    first, again, other = (painted(picture(everywhere(paint), seed=seed), DIGITS) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(5)
    pieces = painted(picture(*(Stroke(paint, 8, ((i // 4, i % 4),)) for i in range(16))), DIGITS)
    assert torch.equal(pieces, first)  # in whatever strokes
    spread = first.float().std()
    assert spread > 60 if paint == "noise" else spread < pixels().float().std()


def test_later_strokes_lie_over_earlier_ones_and_nothing_else_changes() -> None:
    white, black = Stroke("white", 8, ((0, 0), (0, 1))), Stroke("black", 16, ((0, 0),))
    below, above = painted(picture(white, black), DIGITS), painted(picture(black, white), DIGITS)
    assert (below[:, :16, :16] == 0).all()
    assert (above[:, :8, :16] == 255).all() and (above[:, 8:16, :16] == 0).all()
    for shown in (below, above):
        assert torch.equal(shown[:, 16:], pixels()[:, 16:]) and torch.equal(shown[:, :, 16:], pixels()[:, :, 16:])
    blurred = painted(picture(white, Stroke("blur", 8, ((0, 0),))), DIGITS)
    assert torch.equal(blurred[:, :8, :8], paint_of(pixels(), "blur")[:, :8, :8])  # of the clean picture


def test_a_square_at_the_rim_is_cut_off() -> None:
    shown = painted(picture(Stroke("white", 20, ((1, 1),))), DIGITS)
    assert (shown[:, 20:, 20:] == 255).all() and torch.equal(shown[:, :20], pixels()[:, :20])


def test_strokes_are_added_and_taken_back_one_by_one() -> None:
    bare, strokes = picture(), [Stroke("white", 8, ((0, i),)) for i in range(3)]
    shown = bare
    for stroke in strokes:
        shown = shown.with_stroke(stroke)
    assert shown.strokes == tuple(strokes)
    assert shown.undone().strokes == tuple(strokes[:2])
    assert shown.bare().strokes == () == bare.undone().strokes
    assert torch.equal(painted(shown.bare(), DIGITS), bare.clean)
    full = picture(*strokes[:1] * MOST_STROKES)
    with pytest.raises(UserError, match=f"the picture has {MOST_STROKES} strokes, which is the most"):
        full.with_stroke(strokes[0])


def test_a_stroke_is_read_as_it_is_told() -> None:
    told = {"paint": "blur", "side": 20, "cells": [[0, 1], [1, 1]]}
    assert read_stroke(told, 32) == Stroke("blur", 20, ((0, 1), (1, 1)))
    assert read_stroke({"paint": "mean", "side": 32, "cells": [[0, 0]]}, 32) == Stroke("mean", 32, ((0, 0),))


@pytest.mark.parametrize(
    "change",
    [
        *({"paint": paint} for paint in ("uniform", "telea", "", None, 1, ["white"], {})),
        *({"side": side} for side in (0, -8, 33, 10**400, 8.0, True, "8", None, math.nan, math.inf, [8])),
        *({"cells": cells} for cells in ([], {}, None, "00", [[0]], [[0, 0, 0]], [0, 0], [[[0, 0]]], [[0, 0]] * 17)),
        *({"cells": [[0, 0], [1, odd]]} for odd in (-1, 4, 10**400, 1.0, True, "1", None, math.nan, math.inf)),
        *({"cells": [[0, 0], [odd, 1]]} for odd in (-1, 4, False)),
    ],
)
def test_strokes_that_no_page_makes_are_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"paint": "white", "side": 8, "cells": [[3, 3]]}
    assert read_stroke(good, 32)
    with pytest.raises(UserError):
        read_stroke({**good, **change}, 32)
    for missing in good:
        with pytest.raises(UserError, match="a stroke needs paint, side and cells"):
            read_stroke({key: value for key, value in good.items() if key != missing}, 32)


STROKES = st.fixed_dictionaries(
    {
        "paint": st.sampled_from([*PAINTS]) | JSON,
        "side": st.integers(-2, 40) | JSON,
        "cells": st.lists(st.lists(st.integers(-1, 5) | JSON, max_size=3), max_size=3) | JSON,
    }
)


@settings(max_examples=60)
@example([])
@example({"paint": "white", "side": 1, "cells": [[31, 31]]})
@given(STROKES | JSON)
def test_whatever_json_comes_it_can_be_painted_or_is_refused(given_: object) -> None:
    try:
        stroke = read_stroke(given_, 32)
    except UserError:
        return
    shown = picture(stroke)
    assert painted(shown, DIGITS).shape == (3, 32, 32)
