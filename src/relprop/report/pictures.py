"""Pictures inside the page: each distinct one encoded and embedded once, however often it is shown."""

import base64
import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from relprop.errors import UserError

SMALL = 64
"""Up to so many pixels a side a picture is stored as PNG, without loss, and enlarged with its pixels to be seen."""

QUALITY = 88  # of JPEG, for larger ones


@dataclass(frozen=True)
class Picture:
    """Where a picture's data are among the page's, and its size in pixels."""

    key: str
    width: int
    height: int

    @property
    def small(self) -> bool:
        """Whether its pixels are shown as squares."""
        return max(self.width, self.height) <= SMALL


@dataclass
class Pictures:
    """The page's pictures: `sources`, key → data URI, grows as they are added."""

    sources: dict[str, str] = field(default_factory=dict)
    _known: dict[bytes, Picture] = field(default_factory=dict)

    def add(self, pixels: NDArray[np.uint8]) -> Picture:
        """An RGB picture, uint8 (H,W,3)."""
        digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).digest()
        if digest not in self._known:
            height, width = pixels.shape[:2]
            kind = "png" if max(height, width) <= SMALL else "jpeg"
            self._known[digest] = self._embed(_encode(pixels, kind), kind, width, height)
        return self._known[digest]

    def add_png(self, file: bytes, name: str) -> Picture:
        """The bytes of a PNG file, kept as they are. Raises `UserError`, which has `name`, for other bytes."""
        digest = hashlib.sha256(file).digest()
        if digest not in self._known:
            try:
                with Image.open(io.BytesIO(file), formats=["PNG"]) as picture:
                    width, height = picture.size
            except UnidentifiedImageError:
                raise UserError(f"figure {name!r} must be the bytes of a PNG file, not {file[:16]!r}…") from None
            self._known[digest] = self._embed(file, "png", width, height)
        return self._known[digest]

    def _embed(self, file: bytes, kind: str, width: int, height: int) -> Picture:
        picture = Picture(f"p{len(self.sources)}", width, height)
        self.sources[picture.key] = f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"
        return picture


def _encode(pixels: NDArray[np.uint8], kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, optimize=True, **({"quality": QUALITY} if kind == "jpeg" else {}))
    return file.getvalue()
