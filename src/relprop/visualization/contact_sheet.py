"""Many explained images on one page."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import colourize, is_signed, limit_text
from relprop.visualization.figures import INK
from relprop.visualization.overlay import overlay
from relprop.visualization.sheets import SCALE, check_counts, draw_sheet, images_left_out

WRONG = "✗"
_WRONG_COLOUR = "#b3261e"
_MOST_COLUMNS = 4  # more leave no room for the type


def contact_sheet(
    images: Tensor,
    heatmaps: Tensor,
    captions: Sequence[str],
    title: str,
    correct: Sequence[bool] | None = None,
    max_images: int = 16,
    columns: int | None = None,
) -> Figure:
    """Image, heatmap and overlay of each image side by side, captioned, in a grid, with a colour bar.

    - `images`: (N,3,H,W) in [0,1]; `heatmaps`: (N,H,W); every heatmap is scaled by its own `colour_limit`.
    - `captions`: one per image, as "cat → dog 0.87"; two lines at most, longer ones end in an ellipsis.
    - `title`: method, network and data set, for instance.
    - `correct`: which predictions are right; the others' captions are red and begin with ✗. None marks none.
    - `max_images`: the first this many are drawn; the sheet says so if there are more.
    - `columns`: images to a line, 1 to 4; None takes 4, or 3 if the images are wider than 48 pixels.

    Of a single image the sheet says what its full colour stands for, in the heatmap's own unit.
    The page is about 7 in wide at 200 dpi (3.5 in for one column). Raises `ValueError` for images out of [0,1], NaN,
    and lengths or shapes that do not fit together.
    """
    check_pictures(images, heatmaps)
    marks = [True] * len(images) if correct is None else list(correct)
    check_counts(len(images), max_images, captions=len(captions), correct=len(marks))
    if columns is not None and not 1 <= columns <= _MOST_COLUMNS:
        raise ValueError(f"columns={columns} must be from 1 to {_MOST_COLUMNS}, or None")
    shown = min(len(images), max_images)
    images, heatmaps, marks = images[:shown].detach().float().cpu(), heatmaps[:shown], marks[:shown]
    signed = is_signed(heatmaps)
    limit = [limit_text(heatmaps[0])] if shown == 1 else []
    asides = [*([] if all(marks) else [f"{WRONG} wrong prediction"]), *images_left_out(shown, len(captions))]
    return draw_sheet(
        {"image": images, "heatmap": colourize(heatmaps, signed), "overlay": overlay(images, heatmaps, signed)},
        title,
        captions=[c if right else f"{WRONG} {c}" for c, right in zip(captions[:shown], marks, strict=True)],
        colours=[INK if right else _WRONG_COLOUR for right in marks],
        notes=[SCALE, *limit, *([" · ".join(asides)] if asides else [])],
        signed=signed,
        columns=columns,
    )
