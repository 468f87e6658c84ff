"""The same images as many methods explain them, on one page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import colourize, is_signed
from relprop.visualization.figures import (
    FAINT,
    FRAME,
    INK,
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
from relprop.visualization.sheet_plan import SheetPlan
from relprop.visualization.sheets import SCALE, check_counts, draw_colour_bar, interpolation


def method_sheet(images: Tensor, heatmaps: Mapping[str, Tensor], captions: Sequence[str], title: str) -> Figure:
    """One column for each image, one line for each method with its heatmaps, its name above; the images in the first.

    - `images`: (N,3,H,W) in [0,1]; `heatmaps`: (N,H,W) by the method's name, drawn in this order.
    - `captions`: one per image, above it; long ones end in an ellipsis.

    Every single heatmap is scaled by its own `colour_limit`. If any has negative values, all have the diverging
    colours. Many methods are divided into blocks beside one another, each with the images in its first line, so that
    the pictures are as large as a page of 7 × 9.5 in allows; small ones are enlarged by a whole factor.
    Raises `ValueError` for no heatmaps, pictures out of [0,1], NaN, and lengths or shapes that do not fit together.
    """
    if not heatmaps:
        raise ValueError("heatmaps is empty; at least one method's heatmaps are needed")
    for name, maps in heatmaps.items():
        try:
            check_pictures(images, maps)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    check_counts(len(images), 1, captions=len(captions))
    signed = any(map(is_signed, heatmaps.values()))
    plan = SheetPlan.of((images.shape[2], images.shape[3]), len(heatmaps), captions, title, SCALE)
    figure = new_figure(plan.width, plan.height)
    page = _page(figure, plan)
    for block in range(plan.blocks):
        _draw_line(page, plan, (block, 0), images.detach().float().cpu(), "image")
    for method, (name, maps) in enumerate(heatmaps.items()):
        _draw_line(page, plan, plan.place(method), colourize(maps, signed), name)
    _write(figure, plan, heatmaps)
    draw_colour_bar(figure, MARGIN, plan.bar_top, plan.bar_width, signed)
    return figure


def _page(figure: Figure, plan: SheetPlan) -> Axes:
    """Axes for all pictures, in pixels from the top left corner: one for each would take seconds to draw."""
    page = add_axes(figure, 0, 0, plan.width, plan.height)
    page.axis("off")
    return page


def _draw_line(page: Axes, plan: SheetPlan, place: tuple[int, int], pictures: Tensor, name: str) -> None:
    height, width = plan.picture
    for column, picture in enumerate(pictures):
        left, top = plan.corner(*place, column)
        extent = left, left + width, top + height, top
        image = page.imshow(picture.movedim(0, -1).numpy(), extent=extent, interpolation=interpolation(height, picture))
        image.set_label(name)
        page.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=FRAME, linewidth=0.4))
    page.set(xlim=(0, plan.width), ylim=(plan.height, 0), aspect="auto")


def _write(figure: Figure, plan: SheetPlan, methods: Iterable[str]) -> None:
    add_text(figure, MARGIN, MARGIN, plan.title, TITLE, INK)
    for method, name in enumerate(methods):
        block, line = plan.place(method)
        short = wrap(name, plan.block_width, SMALL, most=1)
        add_text(figure, plan.corner(block, line)[0], plan.name_top(line), short, SMALL, INK)
    for block in range(plan.blocks):
        for column, caption in enumerate(plan.captions):
            left, top = plan.corner(block, 0, column)
            _write_caption(figure, plan, left + plan.picture[1] / 2, top - PAD, caption)
    add_text(figure, MARGIN, plan.notes_top, plan.notes, SMALL, FAINT)


def _write_caption(figure: Figure, plan: SheetPlan, middle: float, bottom: float, lines: list[str]) -> None:
    """Above a picture, and upright where words are longer than the picture is wide."""
    if plan.upright:
        where = middle / plan.width, 1 - bottom / plan.height
        turned: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "bottom", "linespacing": 1.1}
        figure.text(*where, "\n".join(lines), size=SMALL, color=FAINT, parse_math=False, **turned)
    else:
        add_text(figure, middle, bottom - len(lines) * line_height(SMALL), lines, SMALL, FAINT, centred=True)
