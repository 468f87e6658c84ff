"""What all sheets of pictures share: a group of panels for each image, captions, and a colour bar."""

from collections.abc import Mapping, Sequence

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization.colors import QUANTILE, colour_map
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
    wrap,
)
from relprop.visualization.layout import BAR, Grid, columns_for

SCALE = f"colour: share of each image's own maximum ({100 * QUANTILE:g}\N{NO-BREAK SPACE}% quantile of |relevance|)"


def draw_sheet(
    panels: Mapping[str, Tensor],
    title: str,
    captions: Sequence[str],
    colours: Sequence[str],
    notes: Sequence[str],
    signed: bool,
    columns: int | None = None,
) -> Figure:
    """A sheet with, for each image, one picture of every one of `panels`: their names, and pictures (N,3,H,W) in [0,1].

    `captions` and their `colours`: one per image. `signed`: which colour map the heatmaps among the panels have.
    `columns`: images to a line; None takes as many as the page has room for.
    """
    height, width = next(iter(panels.values())).shape[2:]
    columns = min(len(captions), columns or columns_for(width, len(panels)))
    grid = Grid.plan(columns, list(panels), (height, width), title, captions, notes)
    figure = new_figure(grid.width, grid.height)
    for panel, (name, pictures) in enumerate(panels.items()):
        for index, picture in enumerate(pictures):
            draw_picture(figure, *grid.corner(index, panel), grid.panel, picture, name)
    _draw_text(figure, grid, colours)
    draw_colour_bar(figure, MARGIN, grid.bar_top, grid.group, signed)
    return figure


def check_counts(images: int, max_images: int, **lists: int) -> None:
    """Refuse lists that are not as long as there are images, and a maximum below 1."""
    for name, length in lists.items():
        if length != images:
            raise ValueError(f"{name} has {length} entries; it must have one for each of the {images} images")
    if max_images < 1:
        raise ValueError(f"max_images={max_images} must be at least 1")


def images_left_out(shown: int, given: int) -> list[str]:
    """A note that says so, if there are any."""
    return [f"first {shown} of {given} images"] if shown < given else []


def draw_picture(figure: Figure, left: float, top: float, size: tuple[int, int], picture: Tensor, name: str) -> None:
    """A picture (3,H,W) in [0,1], framed, `size` (height, width) in pixels, on axes called `name`."""
    axes = add_axes(figure, left, top, size[1], size[0])
    axes.set_label(name)
    axes.imshow(picture.movedim(0, -1).numpy(), interpolation=interpolation(size[0], picture), aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(linewidth=0.4, color=FRAME)  # a white sky would run into the page


def interpolation(height: int, picture: Tensor) -> str:
    """For a picture (3,H,W) drawn `height` pixels high: enlarged pixels keep their edges, reduced ones are averaged."""
    return "nearest" if height >= picture.shape[1] else "hanning"


def _draw_text(figure: Figure, grid: Grid, colours: Sequence[str]) -> None:
    add_text(figure, MARGIN, MARGIN, grid.title, TITLE, INK)
    for column in range(grid.columns):
        for panel, name in enumerate(grid.names):
            left, top = grid.corner(column, panel)
            middle = left + grid.panel[1] / 2
            heading = wrap(name, grid.panel[1], SMALL, most=1)
            add_text(figure, middle, top - PAD - line_height(SMALL), heading, SMALL, FAINT, centred=True)
    for index, (caption, colour) in enumerate(zip(grid.captions, colours, strict=True)):
        left, top = grid.corner(index)
        middle, below = left + grid.group / 2, top + grid.panel[0] + PAD
        add_text(figure, middle, below, caption, LABEL, colour, centred=True)
    add_text(figure, grid.notes_left, grid.notes_top, grid.notes, SMALL, FAINT)


def draw_colour_bar(figure: Figure, left: float, top: float, width: float, signed: bool) -> None:
    """A colour bar with the shares of full colour below it, in pixels from the top left corner."""
    axes = add_axes(figure, left, top, width, BAR)
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
