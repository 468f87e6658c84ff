"""Figures without a display: their size, their type, their files."""

import re
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

DPI = 200
"""Resolution of all figures, in pixels per inch of the printed page."""

TEXT_WIDTH = 1400
"""Width of a two-column page's text, 7 in, in pixels."""

MARGIN, PAD = 16, 6  # pixels: round the figure, between pictures and type
TITLE, LABEL, SMALL = 8.0, 7.0, 6.0  # type sizes in points
INK, FAINT, FRAME = "#222222", "#666666", "#bbbbbb"
_WORD = re.compile(r"(?:\S|\xa0)+")


def new_figure(width: int, height: int) -> Figure:
    """An empty figure of this many pixels, at 200 dpi."""
    # A hair more, since matplotlib truncates inches · dpi, and 57 / 200 · 200 is 56.99…
    return Figure(figsize=((width + 1e-3) / DPI, (height + 1e-3) / DPI), dpi=DPI, facecolor="white")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write the figure as a PNG at its own resolution; equal figures give equal bytes.

    Creates the folder. Raises `ValueError` for a path that does not end in .png.
    """
    path = check_png(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _canvas(figure).print_png(path, metadata={"Software": None})  # no name and version of matplotlib's in the bytes


def figure_to_png(figure: Figure) -> bytes:
    """What `save_figure` writes."""
    file = BytesIO()
    _canvas(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def check_png(path: str | Path) -> Path:
    """Refuse other endings: nothing but PNG is written."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path={str(path)!r} must end in .png")
    return path


def figure_to_array(figure: Figure) -> NDArray[np.uint8]:
    """The figure's pixels, RGB uint8 (H,W,3), as loggers take them."""
    canvas = _canvas(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[..., :3].copy()


def _canvas(figure: Figure) -> Any:  # Any, since matplotlib ships no types for Agg
    return FigureCanvasAgg(figure)


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at this place, in pixels from the top left corner."""
    across, down = figure.get_size_inches() * figure.dpi
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def add_text(
    figure: Figure, x: float, top: float, lines: Sequence[str], size: float, colour: str, centred: bool = False
) -> None:
    """Lines of type below one another from `top`, beginning at `x` or centred on it, in pixels from the top left."""
    across, down = figure.get_size_inches() * figure.dpi
    side = "center" if centred else "left"
    for number, line in enumerate(lines):
        baseline = top + number * line_height(size) + 0.78 * line_height(size)
        y = 1 - baseline / down
        figure.text(x / across, y, line, size=size, color=colour, ha=side, va="baseline", parse_math=False)


def line_height(size: float) -> int:
    """Pixels from one line of type of `size` points to the next."""
    return round(size * DPI / 72 * 1.3)


def text_width(text: str, size: float) -> float:
    """Width in pixels of `text` set in `size` points."""
    return float(_ruler().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0])


@cache
def _ruler() -> Any:
    """Measures type as it will be drawn, before there is a figure to draw it on."""
    return _canvas(Figure(figsize=(1, 1), dpi=DPI)).get_renderer()


def wrap(text: str, width: float, size: float, most: int) -> list[str]:
    """`text` in up to `most` lines, none wider than `width` pixels; what does not fit gives way to an ellipsis.

    A no-break space keeps its words together.
    """
    lines: list[str] = []
    for word in _WORD.findall(text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [_shorten(line, width, size) for line in lines]


def _shorten(line: str, width: float, size: float) -> str:
    if text_width(line, size) <= width:
        return line
    kept = bisect(range(len(line)), width, key=lambda length: text_width(f"{line[:length]}…", size)) - 1
    return f"{line[: max(kept, 0)].rstrip()}…"
