"""Photographs with what people have marked in them: a box around the object, and points on its parts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, KeyPoints

from relprop.data.cuts import Cut
from relprop.data.files import read_rgb
from relprop.data.images import Batch
from relprop.data.photos import ListedPhotos


class AnnotatedPhotos(ListedPhotos):
    """Photographs with a box each and, if given, points on parts of the object, both in pixels of the file.

    `boxes` float32 (N,4): left, top, right, bottom; `parts` float32 (N,P,3): x, y, and whether the part is visible, 1
    or 0. A batch has both in pixels of its images: resized, shifted and cut with them by the `cut`, which must be the
    same whenever a photograph is asked for. The box of an object that the cut has left out is empty. A part that it has
    left out is no longer visible; x and y are 0 wherever a part is not.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], labels: Tensor, cut: Cut, boxes: Tensor, parts: Tensor | None = None
    ) -> None:
        super().__init__(folder, names, labels, cut)
        self.boxes, self.parts = boxes, parts

    def __getitems__(self, positions: list[int]) -> Batch:
        images, boxes, parts = zip(*(self._cut(i) for i in positions), strict=True)
        indices = torch.tensor(positions)
        batch = Batch(torch.stack(images), self.labels[indices], indices, torch.cat(boxes))
        return batch if self.parts is None else batch._replace(parts=torch.stack(parts))

    def content(self, position: int) -> tuple[bytes, ...]:
        """The file, how it is cut, and what is marked in it."""
        marked = [self.boxes] if self.parts is None else [self.boxes, self.parts]
        return *super().content(position), *(values[position].numpy().tobytes() for values in marked)

    def _cut(self, position: int) -> tuple[Tensor, Tensor, Tensor]:
        photo = read_rgb(self.folder / self.names[position], self.remedy)
        parts = torch.zeros(0, 3) if self.parts is None else self.parts[position]
        canvas = (photo.height, photo.width)
        box = BoundingBoxes(self.boxes[position : position + 1], format="XYXY", canvas_size=canvas)
        image, cut_box, points = self.cut(photo, box, KeyPoints(parts[:, :2], canvas_size=canvas))
        return image, cut_box, _visible(points.as_subclass(Tensor), parts[:, 2:], image.shape[1:])


def _visible(points: Tensor, visible: Tensor, size: torch.Size) -> Tensor:
    """Points (P,2) with whether they are `visible` (P,1) and inside an image of this height and width: (P,3)."""
    inside = (points >= 0) & (points < torch.tensor([size[1], size[0]]))
    seen = visible * inside.all(1, keepdim=True)
    return torch.cat([points, torch.ones_like(seen)], 1).where(seen > 0, 0)
