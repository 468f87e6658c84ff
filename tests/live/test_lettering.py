"""Type in pictures."""

import numpy as np
import pytest

from relprop.live.lettering import put_text, shortened


def written(text: str, at: tuple[int, int], align: str = "left") -> tuple[np.ndarray, int]:
    canvas = np.zeros((40, 300, 3), np.uint8)
    width = put_text(canvas, text, at, 20, (255, 128, 0), align)
    return canvas, width


@pytest.mark.parametrize("text", ["tabby", "größer", "Ωμέγα", "Кошка", "قط", "חתול", "100 % ⋅ −3"])
def test_any_letters_are_drawn_and_no_boxes(text: str) -> None:
    canvas, width = written(text, (5, 5))
    missing, _ = written("\U0010fffd" * len(text), (5, 5))  # a character that no font has: an empty box
    assert canvas[:, 5 : 5 + width].any() and not canvas[:, :5].any() and not canvas[:, 6 + width :].any()
    assert not np.array_equal(canvas, missing)


def test_text_has_its_colour_and_stands_where_it_should() -> None:
    canvas, width = written("Hg", (150, 5))
    assert canvas.reshape(-1, 3).max(0).tolist() == [255, 128, 0]
    right, _ = written("Hg", (150 + width, 5), "right")
    centre, _ = written("Hg", (150 + width // 2, 5), "centre")
    assert np.array_equal(right, canvas) and np.array_equal(centre, canvas)


@pytest.mark.parametrize(
    ("at", "align"), [((-30, 5), "left"), ((290, 5), "left"), ((20, 5), "right"), ((5, 35), "left")]
)
def test_what_leaves_the_canvas_is_cut_off(at: tuple[int, int], align: str) -> None:
    whole = np.zeros((240, 700, 3), np.uint8)
    put_text(whole, "a long text", (at[0] + 200, at[1] + 100), 20, (255, 128, 0), align)
    canvas, _ = written("a long text", at, align)
    assert np.array_equal(canvas, whole[100:140, 200:500])


def test_shortened_text_fits() -> None:
    name = "Cardigan Welsh corgi, a dog of the herding kind"
    assert shortened(name, 20, 10_000) == name
    short = shortened(name, 20, 200)
    assert short.endswith("…") and name.startswith(short[:-1]) and len(short) > 10
    assert written(short, (0, 0))[1] <= 200
    assert shortened(name, 20, 0) == "…"
