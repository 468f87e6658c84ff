"""Where everything lies on the page of one image and several methods, in pixels from the top left corner."""

from dataclasses import dataclass
from typing import Self

from relprop.visualization.colors import QUANTILE
from relprop.visualization.figures import LABEL, MARGIN, PAD, SMALL, TITLE, line_height, wrap
from relprop.visualization.layout import BAR, GAP, GUTTER, SHARP

_MOST_COLUMNS = 5  # of methods, beside the image: with more, 224 pixels would have to be reduced
_WIDEST, _HIGHEST = 224, 300  # pixels of a picture
_NARROWEST = 160  # pixels of a column, so that names and classes have room
_BETWEEN = 12  # pixels from column to column
_NOTE = (
    f"colour: share of each method's own maximum ({100 * QUANTILE:g}\N{NO-BREAK SPACE}% quantile of |relevance|), "
    "which stands below it in the method's unit"
)


@dataclass(frozen=True)
class MethodPage:
    """The page's measures, and its texts broken into lines. The image and its classes have the first column."""

    methods: int
    columns: int  # of methods, beside the image's
    picture: tuple[int, int]  # height, width
    body: int  # height of a line's pictures and of what stands below the image
    title: list[str]
    note: list[str]

    @classmethod
    def plan(cls, shape: tuple[int, int], methods: int, classes: int, title: str) -> Self:
        """For an image of `shape` (H, W); lines of methods are about equally long."""
        lines = -(-methods // _MOST_COLUMNS)
        picture = _picture_size(*shape)
        list_height = (classes + 1) * line_height(SMALL) + PAD if classes else 0
        body = picture[0] + max(picture[0] + GAP, list_height)
        bare = cls(methods, -(-methods // lines), picture, body, [], [])
        heading = wrap(title, bare.width - 2 * MARGIN, TITLE, most=4)
        note = wrap(_NOTE, bare.width - MARGIN - bare.note_left, SMALL, most=5)
        return cls(methods, bare.columns, picture, body, heading, note)

    @property
    def column(self) -> int:
        return max(self.picture[1], _NARROWEST)

    @property
    def width(self) -> int:
        return 2 * MARGIN + self.columns * (self.column + _BETWEEN) + self.column

    @property
    def pitch(self) -> int:
        """From the top of one line of pictures to the next: pictures, limit, next name."""
        return self.body + PAD + line_height(SMALL) + 3 * PAD + line_height(LABEL) + PAD

    def corner(self, number: int) -> tuple[int, int]:
        """Left and top of the pictures of a method; of the image for -1."""
        line, column = divmod(number, self.columns) if number >= 0 else (0, -1)
        first = MARGIN + len(self.title) * line_height(TITLE) + PAD + line_height(LABEL) + PAD
        return MARGIN + (column + 1) * (self.column + _BETWEEN), first + line * self.pitch

    @property
    def bar_top(self) -> int:
        return self.corner(self.methods - 1)[1] + self.body + PAD + line_height(SMALL) + 2 * PAD

    @property
    def bar_width(self) -> int:
        """With one method the note has no room beside it."""
        return _WIDEST if self.columns > 1 else self.width - 2 * MARGIN

    @property
    def note_left(self) -> int:
        return MARGIN + _WIDEST + GUTTER if self.columns > 1 else MARGIN

    @property
    def note_corner(self) -> tuple[int, int]:
        return self.note_left, self.bar_top if self.columns > 1 else self.bar_bottom + PAD

    @property
    def bar_bottom(self) -> int:
        return self.bar_top + BAR + PAD + line_height(SMALL)

    @property
    def height(self) -> int:
        return max(self.bar_bottom, self.note_corner[1] + len(self.note) * line_height(SMALL)) + MARGIN


def _picture_size(height: int, width: int) -> tuple[int, int]:
    """At which an image is drawn: 224 pixels wide or 300 high; a small one is enlarged by a whole factor."""
    factor = min(_WIDEST / width, _HIGHEST / height)
    if width <= SHARP and factor >= 1:
        factor = int(factor)
    return max(1, round(height * factor)), max(1, round(width * factor))
