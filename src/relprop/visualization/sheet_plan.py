"""Where everything lies on the sheet of many images and many methods, in pixels from the top left corner."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from relprop.visualization.figures import MARGIN, PAD, SMALL, TEXT_WIDTH, TITLE, line_height, text_width, wrap
from relprop.visualization.layout import BAR, GAP, GUTTER, SHARP

_ROOM_DOWN = 1600  # 8 in for the lines of pictures, so that a page has room for the rest
_LARGEST, _SMALLEST = 224, 32  # pixels of a picture's width
_MOST_BLOCKS = 4
_NAME = line_height(SMALL) + PAD // 2  # from the top of a method's name to its pictures
_LONGEST_CAPTION = 240  # pixels of a line that stands upright
_LONGEST_BAR = 500


@dataclass(frozen=True)
class SheetPlan:
    """The sheet's measures, and its texts broken into lines.

    The methods are divided into blocks beside one another. Line 0 of each block has the images, each other a method.
    """

    blocks: int
    lines: int  # of methods in the first block; the last may have fewer
    columns: int
    picture: tuple[int, int]  # height, width
    upright: bool  # captions
    captions_height: int
    title: list[str]
    captions: list[list[str]]
    notes: list[str]

    @classmethod
    def of(cls, shape: tuple[int, int], methods: int, captions: Sequence[str], title: str, note: str) -> Self:
        """For images of `shape` (H, W), in as few blocks as make them largest."""
        columns = len(captions)
        lines = {blocks: -(-methods // blocks) for blocks in range(1, min(_MOST_BLOCKS, methods) + 1)}
        room = {blocks: _room(shape, columns, blocks, lines[blocks]) for blocks in lines}
        blocks = max(room, key=lambda blocks: (room[blocks], -blocks))
        picture = _picture_size(shape, room[blocks])
        upright = any(text_width(word, SMALL) > picture[1] for caption in captions for word in caption.split())
        broken = [
            wrap(caption, _LONGEST_CAPTION, SMALL, most=max(1, picture[1] // line_height(SMALL)))
            if upright
            else wrap(caption, picture[1], SMALL, most=3)
            for caption in captions
        ]
        high = _longest(broken) if upright else max(map(len, broken)) * line_height(SMALL)
        bare = cls(blocks, lines[blocks], columns, picture, upright, high, [], broken, [])
        heading = wrap(title, bare.width - 2 * MARGIN, TITLE, most=4)
        return replace(bare, title=heading, notes=wrap(note, bare.width - 2 * MARGIN, SMALL, most=3))

    @property
    def block_width(self) -> int:
        return self.columns * (self.picture[1] + GAP) - GAP

    @property
    def width(self) -> int:
        """Not so narrow that the title has no room."""
        return max(TEXT_WIDTH // 2, 2 * MARGIN + self.blocks * (self.block_width + GUTTER) - GUTTER)

    def place(self, method: int) -> tuple[int, int]:
        """Block and line of a method."""
        block, line = divmod(method, self.lines)
        return block, line + 1

    def corner(self, block: int, line: int, column: int = 0) -> tuple[int, int]:
        """Left and top of a picture."""
        left = MARGIN + block * (self.block_width + GUTTER) + column * (self.picture[1] + GAP)
        images = MARGIN + len(self.title) * line_height(TITLE) + 2 * PAD + self.captions_height + PAD
        return left, images + line * (self.picture[0] + PAD + _NAME)

    def name_top(self, line: int) -> int:
        """Top of the method's name, above its pictures."""
        return self.corner(0, line)[1] - _NAME

    @property
    def bar_top(self) -> int:
        return self.corner(0, self.lines)[1] + self.picture[0] + 3 * PAD

    @property
    def bar_width(self) -> int:
        return min(_LONGEST_BAR, self.width - 2 * MARGIN)

    @property
    def notes_top(self) -> int:
        return self.bar_top + BAR + line_height(SMALL) + 2 * PAD

    @property
    def height(self) -> int:
        return self.notes_top + len(self.notes) * line_height(SMALL) + MARGIN


def _longest(captions: Sequence[Sequence[str]]) -> int:
    return round(max(text_width(line, SMALL) for caption in captions for line in caption))


def _room(shape: tuple[int, int], columns: int, blocks: int, lines: int) -> float:
    """How wide pictures can be so that blocks of so many lines, and the images above them, fit on the page."""
    height, width = shape
    across = (TEXT_WIDTH - 2 * MARGIN - (blocks - 1) * GUTTER) / (blocks * columns) - GAP
    down = _ROOM_DOWN / (lines + 1) - PAD - _NAME
    return min(across, down * width / height, _LARGEST)


def _picture_size(shape: tuple[int, int], room: float) -> tuple[int, int]:
    """Height and width of pictures that have so much room across; small ones are enlarged by a whole factor."""
    height, width = shape
    factor = max(room, _SMALLEST) / width
    if width <= SHARP:
        factor = max(1, int(factor))
    return round(height * factor), round(width * factor)
