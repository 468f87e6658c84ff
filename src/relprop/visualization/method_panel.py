"""One image as several methods explain it, side by side."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import colourize, is_signed, limit_text
from relprop.visualization.figures import (
    FAINT,
    INK,
    LABEL,
    MARGIN,
    PAD,
    SMALL,
    TITLE,
    add_text,
    line_height,
    new_figure,
    text_width,
    wrap,
)
from relprop.visualization.layout import GAP
from relprop.visualization.method_page import MethodPage
from relprop.visualization.overlay import overlay
from relprop.visualization.sheets import draw_colour_bar, draw_picture


def method_panel(
    image: Tensor, heatmaps: Mapping[str, Tensor], title: str, top: Sequence[tuple[str, float]] = ()
) -> Figure:
    """The image, and for every method its heatmap with its overlay below, on one colour scale with one colour bar.

    - `image`: (3,H,W) in [0,1]; `heatmaps`: (H,W) by the method's name, one or more, drawn in this order.
    - `title`: the file, the explained class and the network, for instance.
    - `top`: the most probable classes with their probabilities, written below the image.

    Every heatmap is scaled by its own `colour_limit`, which stands below it; so what compares between methods is where
    they point, not how much. If any has negative values, all have the diverging colours with zero in their middle.
    The page is about 7 in wide at 200 dpi for five methods to a line, narrower for fewer. Raises `ValueError` for no
    heatmaps, an image out of [0,1], NaN, and shapes that do not fit together.
    """
    _check(image, heatmaps)
    picture = image.detach().float().cpu()
    maps = {name: heatmap.detach().float().cpu() for name, heatmap in heatmaps.items()}
    signed = any(is_signed(heatmap.unsqueeze(0)) for heatmap in maps.values())
    page = MethodPage.plan((picture.shape[1], picture.shape[2]), len(maps), len(top), title)
    figure = new_figure(page.width, page.height)
    add_text(figure, MARGIN, MARGIN, page.title, TITLE, INK)
    _draw_image(figure, page, picture, top)
    for number, (name, heatmap) in enumerate(maps.items()):
        _draw_method(figure, page, page.corner(number), picture, name, heatmap, signed)
    draw_colour_bar(figure, MARGIN, page.bar_top, page.bar_width, signed)
    add_text(figure, *page.note_corner, page.note, SMALL, FAINT)
    return figure


def _check(image: Tensor, heatmaps: Mapping[str, Tensor]) -> None:
    if not heatmaps:
        raise ValueError("heatmaps is empty; at least one method's heatmap is needed")
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(f"image must be (3, H, W), not {tuple(image.shape)}")
    for name, heatmap in heatmaps.items():
        if heatmap.shape != image.shape[1:]:
            expected, given = tuple(image.shape[1:]), tuple(heatmap.shape)
            raise ValueError(f"the heatmap of {name} must be (H, W) = {expected} like the image, not {given}")
        if not heatmap.isfinite().all():
            raise ValueError(f"the heatmap of {name} contains NaN or infinite values")
        check_pictures(image.unsqueeze(0), heatmap.unsqueeze(0), "image")


def _draw_image(figure: Figure, page: MethodPage, image: Tensor, top: Sequence[tuple[str, float]]) -> None:
    left, above = page.corner(-1)
    _draw_name(figure, page, (left, above), "image")
    draw_picture(figure, left + _indent(page), above, page.picture, image, "image")
    below = above + page.picture[0] + PAD
    lines = [("class", "probability"), *((name, f"{probability:.3f}") for name, probability in top)] if top else []
    for number, (name, probability) in enumerate(lines):
        y, colour = below + number * line_height(SMALL), INK if number else FAINT
        needed = text_width(probability, SMALL)
        add_text(figure, left, y, wrap(name, page.column - needed - PAD, SMALL, most=1), SMALL, colour)
        add_text(figure, left + page.column - needed, y, [probability], SMALL, colour)


def _draw_method(
    figure: Figure, page: MethodPage, corner: tuple[int, int], image: Tensor, name: str, heatmap: Tensor, signed: bool
) -> None:
    left, top = corner
    _draw_name(figure, page, corner, name)
    maps, height = heatmap.unsqueeze(0), page.picture[0]
    x = left + _indent(page)
    draw_picture(figure, x, top, page.picture, colourize(maps, signed)[0], name)
    laid_over = overlay(image.unsqueeze(0), maps, signed)[0]
    draw_picture(figure, x, top + height + GAP, page.picture, laid_over, f"{name} overlay")
    below = top + 2 * height + GAP + PAD
    limit = wrap(limit_text(heatmap), page.column, SMALL, most=1)
    add_text(figure, left + page.column / 2, below, limit, SMALL, FAINT, centred=True)


def _draw_name(figure: Figure, page: MethodPage, corner: tuple[int, int], name: str) -> None:
    lines, middle = wrap(name, page.column, LABEL, most=1), corner[0] + page.column / 2
    add_text(figure, middle, corner[1] - PAD - line_height(LABEL), lines, LABEL, INK, centred=True)


def _indent(page: MethodPage) -> float:
    """Pictures narrower than their column stand in its middle."""
    return (page.column - page.picture[1]) / 2
