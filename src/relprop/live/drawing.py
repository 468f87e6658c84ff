"""The picture: what the network sees, beside it the overlay, below a strip that says what they are."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from relprop.live.colours import fast_limit, fast_overlay
from relprop.live.explaining import Explanation
from relprop.live.frames import Pixels
from relprop.live.lettering import Colour, put_text, shortened
from relprop.visualization import colour_map, is_signed
from relprop.visualization.colors import limit_text

PANEL = 336
"""Smallest side of a panel in pixels. Smaller images are enlarged."""

SHARP = 128
"""Images with a smaller side are enlarged by a whole factor, every pixel a square; larger ones are interpolated."""

MARGIN, GAP, STRIP = 14, 12, 116
LARGE, SMALL = 20, 13  # type, in pixels
_BAR, _THIRD, _FOURTH = 34, 50, 72  # from the first line of the strip, in pixels: the bars, the third line, the fourth
_PAPER: Colour = (22, 24, 28)
_TRACK: Colour = (52, 56, 64)
_INK: Colour = (240, 240, 240)
_FAINT: Colour = (166, 172, 182)
_ACCENT: Colour = (126, 184, 255)


@dataclass(frozen=True)
class Speeds:
    """Frames explained per second, 0 before that is known, and frames per second of the source."""

    explained: float
    source: float

    def __str__(self) -> str:
        return f"{_said(self.explained)} of {_said(self.source)} frames per second explained"


class Drawing:
    """Pictures (height, width, 3), red first, of one size, both sides even, of explanations of images of one size.

    `side`: of the images in pixels; `method` and `network`: what made the heatmaps. Each picture has a colour limit of
    its own, which it states. From the first signed heatmap on the colour map is the one for signed relevance, so that
    it does not change to and fro.
    """

    def __init__(self, side: int, class_names: tuple[str, ...], method: str, network: str) -> None:
        self.panel = panel_side(side)
        self.class_names = class_names
        self.size = (2 * MARGIN + 2 * self.panel + GAP, MARGIN + self.panel + STRIP)  # width, height
        self.signed = False
        self._right = MARGIN + self.panel + GAP
        self._top = MARGIN + self.panel + 8  # of the strip's type
        self._paper = np.full((self.size[1], self.size[0], 3), _PAPER, np.uint8)
        for text, left, top in ((method, self._right, 5), (network, MARGIN, _FOURTH)):
            put_text(self._paper, shortened(text, SMALL, self.panel), (left, self._top + top), SMALL, _FAINT)
        self._bare = self._with_bar(self._paper)

    def __call__(self, explanation: Explanation, speeds: Speeds) -> Pixels:
        """A new picture. A heatmap that is not finite is left out, which the strip says."""
        finite = bool(np.isfinite(explanation.heatmap).all())
        heatmap = explanation.heatmap if finite else np.zeros_like(explanation.heatmap)
        limit = fast_limit(heatmap)
        if not self.signed and heatmap.min() < 0 and is_signed(torch.from_numpy(heatmap)[None]):
            self.signed, self._bare = True, self._with_bar(self._paper, signed=True)
        picture = self._bare.copy()
        self._put_panel(picture, explanation.seen, MARGIN)
        self._put_panel(picture, fast_overlay(explanation.seen, heatmap, limit, self.signed), self._right)
        self._put_class(picture, explanation)
        put_text(picture, str(speeds), (MARGIN, self._top + _THIRD), SMALL, _INK)
        said = limit_text(torch.tensor([[limit if heatmap.any() else 0.0]]))  # one value is its own limit
        scale = f"in this frame {said}" if finite else "NaN or infinite values: no heatmap"
        put_text(picture, scale, (self._right, self._top + _FOURTH), SMALL, _FAINT)
        return picture

    def _put_panel(self, picture: Pixels, pixels: Pixels, left: int) -> None:
        place = picture[MARGIN : MARGIN + self.panel, left : left + self.panel]
        if pixels.shape == place.shape:
            place[:] = pixels
        else:
            cv2.resize(pixels, (self.panel, self.panel), dst=place, interpolation=_interpolation(len(pixels)))

    def _put_class(self, picture: Pixels, explanation: Explanation) -> None:
        """Name and probability, and the probability as a bar."""
        share = f"{100 * explanation.probability:.0f} %"
        taken = put_text(picture, share, (MARGIN + self.panel, self._top), LARGE, _INK, "right")
        name = shortened(self.class_names[explanation.target], LARGE, self.panel - taken - 16)
        put_text(picture, name, (MARGIN, self._top), LARGE, _INK)
        bar = picture[self._top + _BAR : self._top + _BAR + 8, MARGIN : MARGIN + self.panel]
        bar[:] = _TRACK
        bar[:, : round(explanation.probability * self.panel)] = _ACCENT

    def _with_bar(self, paper: Pixels, signed: bool = False) -> Pixels:
        """The empty picture with the colour bar and what its ends mean."""
        bare = paper.copy()
        colours = colour_map(signed)(np.linspace(0, 1, self.panel))[:, :3]
        bare[self._top + _BAR : self._top + _BAR + 8, self._right : self._right + self.panel] = np.round(255 * colours)
        least, middle, most = ("−100 % (against)", "0", "100 % (for)") if signed else ("0", "relevance", "100 %")
        put_text(bare, least, (self._right, self._top + _THIRD), SMALL, _INK)
        put_text(bare, middle, (self._right + self.panel // 2, self._top + _THIRD), SMALL, _INK, "centre")
        put_text(bare, most, (self._right + self.panel, self._top + _THIRD), SMALL, _INK, "right")
        return bare


def _said(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}" if rate > 0 else "…"


def panel_side(side: int) -> int:
    """The side in pixels, always even, at which images of `side` pixels are shown."""
    shown = side * -(-PANEL // side) if side < SHARP else max(side, PANEL)
    return shown + shown % 2


def _interpolation(side: int) -> int:
    return cv2.INTER_NEAREST if side < SHARP else cv2.INTER_CUBIC
