"""Many explained images on one page."""

from collections.abc import Sequence

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import QUANTILE, colour_map, colourize, is_signed
from relprop.visualization.figures import (
    FAINT,
    FRAME,
    INK,
    LABEL,
    MARGIN,
    PAD,
    SMALL,
    TITLE,
    add_axes,
    add_text,
    line_height,
    new_figure,
)
from relprop.visualization.layout import BAR, PANELS, SHARP, Grid
from relprop.visualization.overlay import overlay

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
    - `columns`: images to a line, 1 to 4; None takes 4, or 3 if the images are wider than 64 pixels.

    The page is about 7 in wide at 200 dpi (3.5 in for one column). Raises `ValueError` for images out of [0,1], NaN,
    and lengths or shapes that do not fit together.
    """
    check_pictures(images, heatmaps)
    marks = [True] * len(images) if correct is None else list(correct)
    _check_numbers(len(images), len(captions), len(marks), max_images, columns)
    shown = min(len(images), max_images)
    images, heatmaps, marks = images[:shown].detach().float().cpu(), heatmaps[:shown], marks[:shown]
    signed = is_signed(heatmaps)
    grid = Grid.plan(
        columns=min(shown, columns or (3 if images.shape[3] > SHARP else 4)),
        shape=(images.shape[2], images.shape[3]),
        title=title,
        captions=[c if right else f"{WRONG} {c}" for c, right in zip(captions[:shown], marks, strict=True)],
        notes=_notes(shown, len(captions), all(marks)),
    )
    figure = new_figure(grid.width, grid.height)
    for panel, pictures in enumerate((images, colourize(heatmaps, signed), overlay(images, heatmaps, signed))):
        _draw_panels(figure, grid, panel, pictures)
    _draw_text(figure, grid, marks)
    _draw_colour_bar(figure, grid, signed)
    return figure


def _check_numbers(images: int, captions: int, correct: int, max_images: int, columns: int | None) -> None:
    for name, length in {"captions": captions, "correct": correct}.items():
        if length != images:
            raise ValueError(f"{name} has {length} entries; it must have one for each of the {images} images")
    if max_images < 1:
        raise ValueError(f"max_images={max_images} must be at least 1")
    if columns is not None and not 1 <= columns <= _MOST_COLUMNS:
        raise ValueError(f"columns={columns} must be from 1 to {_MOST_COLUMNS}, or None")


def _notes(shown: int, given: int, all_right: bool) -> list[str]:
    notes = [f"colour: share of each image's own maximum ({100 * QUANTILE:g} % quantile of |relevance|)"]
    asides = [] if all_right else [f"{WRONG} wrong prediction"]
    if shown < given:
        asides.append(f"first {shown} of {given} images")
    return [*notes, " · ".join(asides)] if asides else notes


def _draw_panels(figure: Figure, grid: Grid, panel: int, pictures: Tensor) -> None:
    # Enlarged pixels keep their edges; reduced ones are averaged, where "nearest" would drop every other one.
    interpolation = "nearest" if grid.panel[0] >= pictures.shape[2] else "hanning"
    for index, picture in enumerate(pictures):
        axes = add_axes(figure, *grid.corner(index, panel), grid.panel[1], grid.panel[0])
        axes.set_label(PANELS[panel])
        axes.imshow(picture.movedim(0, -1).numpy(), interpolation=interpolation, aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(linewidth=0.4, color=FRAME)  # a white sky would run into the page


def _draw_text(figure: Figure, grid: Grid, marks: Sequence[bool]) -> None:
    add_text(figure, MARGIN, MARGIN, grid.title, TITLE, INK)
    for column in range(grid.columns):
        for panel, name in enumerate(PANELS):
            left, top = grid.corner(column, panel)
            middle = left + grid.panel[1] / 2
            add_text(figure, middle, top - PAD - line_height(SMALL), [name], SMALL, FAINT, centred=True)
    for index, (caption, right) in enumerate(zip(grid.captions, marks, strict=True)):
        left, top = grid.corner(index)
        colour = INK if right else _WRONG_COLOUR
        middle, below = left + grid.triplet / 2, top + grid.panel[0] + PAD
        add_text(figure, middle, below, caption, LABEL, colour, centred=True)
    add_text(figure, grid.notes_left, grid.notes_top, grid.notes, SMALL, FAINT)


def _draw_colour_bar(figure: Figure, grid: Grid, signed: bool) -> None:
    axes = add_axes(figure, MARGIN, grid.bar_top, grid.triplet, BAR)
    axes.set_label("colour bar")
    low = -1 if signed else 0
    values = ScalarMappable(Normalize(low, 1), colour_map(signed))
    bar = figure.colorbar(values, cax=axes, orientation="horizontal", ticks=[low, (low + 1) / 2, 1])
    bar.outline.set_visible(False)
    bar.ax.set_xticklabels(["−100 %", "0", "+100 %"] if signed else ["0", "50 %", "100 %"])
    bar.ax.tick_params(labelsize=SMALL, labelcolor=FAINT, color=FAINT, length=2, width=0.5, pad=1)
    first, *_, last = bar.ax.get_xticklabels()
    first.set_horizontalalignment("left")  # so that the outer labels end with the bar
    last.set_horizontalalignment("right")
