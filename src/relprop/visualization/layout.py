"""Where everything lies on a sheet of pictures, in pixels from the top left corner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from relprop.visualization.figures import LABEL, MARGIN, PAD, SMALL, TEXT_WIDTH, TITLE, line_height, wrap

GAP, GUTTER = 4, 30  # between panels, between groups of them
BAR = 14  # height of the colour bar
_LARGEST = 224  # width of a panel: three such fill one column of a two-column page
SHARP = 64  # images up to this width are enlarged by a whole factor; wider ones fill the page
_SMALL_IMAGE = 48  # of images up to this width, 12 panels share a line; of wider ones, which would leave the page, 9


def columns_for(width: int, panels: int) -> int:
    """How many groups of `panels` panels share a line, for images of this width."""
    return round((12 if width <= _SMALL_IMAGE else 9) / panels)


def panel_size(height: int, width: int, columns: int, panels: int) -> tuple[int, int]:
    """Height and width at which images of height × width are drawn if `columns` groups of `panels` share a line."""
    room = TEXT_WIDTH - 2 * MARGIN - (columns - 1) * GUTTER - columns * (panels - 1) * GAP
    largest = min(_LARGEST, room // (panels * columns))
    factor = largest / width
    if width <= SHARP:
        factor = max(1, int(factor + 0.4))  # rounded, but not up where that would leave the page
    return round(height * factor), round(width * factor)


@dataclass(frozen=True)
class Grid:
    """The sheet's measures, and its texts broken into lines."""

    columns: int
    names: tuple[str, ...]  # of the panels in each group, which belong to one image
    panel: tuple[int, int]  # height, width
    title: list[str]
    captions: list[list[str]]
    notes: list[str]

    @classmethod
    def plan(
        cls,
        columns: int,
        names: Sequence[str],
        shape: tuple[int, int],
        title: str,
        captions: Sequence[str],
        notes: Sequence[str],
    ) -> Self:
        """For images of `shape` (H, W), `columns` to a line; the texts are broken to the widths that this leaves."""
        panel = panel_size(*shape, columns, len(names))
        bare = cls(columns, tuple(names), panel, [], [], [])
        return cls(
            columns,
            bare.names,
            panel,
            wrap(title, bare.width - 2 * MARGIN, TITLE, most=3),
            [wrap(caption, bare.group, LABEL, most=2) for caption in captions],
            [line for note in notes for line in wrap(note, bare.notes_width, SMALL, most=3)],
        )

    @property
    def group(self) -> int:
        """Width of all panels of one image together."""
        return len(self.names) * self.panel[1] + (len(self.names) - 1) * GAP

    @property
    def width(self) -> int:
        return 2 * MARGIN + self.columns * self.group + (self.columns - 1) * GUTTER

    @property
    def notes_width(self) -> int:
        """Beside the colour bar, if there is more than one image to a line; else below it."""
        return self.group if self.columns == 1 else self.width - self.notes_left - MARGIN

    @property
    def notes_left(self) -> int:
        return MARGIN if self.columns == 1 else MARGIN + self.group + GUTTER

    @property
    def first_row(self) -> int:
        """Top of the first line of panels."""
        return MARGIN + len(self.title) * line_height(TITLE) + 2 * PAD + line_height(SMALL) + PAD

    @property
    def pitch(self) -> int:
        """From the top of one line of panels to the next."""
        lines = max(len(caption) for caption in self.captions)
        return self.panel[0] + PAD + lines * line_height(LABEL) + 2 * PAD

    @property
    def bar_top(self) -> int:
        rows = -(-len(self.captions) // self.columns)
        return self.first_row + rows * self.pitch + PAD

    @property
    def notes_top(self) -> int:
        return self.bar_top if self.columns > 1 else self.bar_top + BAR + PAD + line_height(SMALL) + PAD

    @property
    def height(self) -> int:
        bar_bottom = self.bar_top + BAR + PAD + line_height(SMALL)
        return max(bar_bottom, self.notes_top + len(self.notes) * line_height(SMALL)) + MARGIN

    def corner(self, index: int, panel: int = 0) -> tuple[int, int]:
        """Left and top of a panel of the image `index`."""
        row, column = divmod(index, self.columns)
        left = MARGIN + column * (self.group + GUTTER) + panel * (self.panel[1] + GAP)
        return left, self.first_row + row * self.pitch
