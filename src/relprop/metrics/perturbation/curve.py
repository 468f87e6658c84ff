"""The one routine behind all perturbation metrics: masks → fill → classifier in big batches → curve."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.metrics.perturbation.ahead import ahead
from relprop.metrics.perturbation.fills import Hide

Pictures = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Perturbed images (B, C, H, W), which of the images each is (B,), at which point of the curve (B,)."""
Score = Callable[[Tensor, Tensor], Tensor]
"""(perturbed images (B, C, H, W), which of the images each is (B,)) → what the curve shows (B,)."""


@dataclass(frozen=True)
class Path:
    """How images change along a curve.

    `flips`: point at which each pixel flips, LongTensor (N, H, W); it stays flipped at all later points. `points`: the
    curve's, from `first` to one less than `points`. `shows`: flipping shows a pixel instead of hiding it. `hide` gives
    hidden pixels; `slow` asks for them ahead of time. `chained`: every picture is made from the one before, not from
    the image.
    """

    flips: Tensor
    points: int
    first: int
    shows: bool
    hide: Hide
    slow: bool
    chained: bool

    def hidden(self, image: Tensor, point: Tensor) -> Tensor:
        """Where the images with these numbers (B,) are hidden at these points (B,), boolean (B, H, W)."""
        flipped = self.flips[image] <= point.view(-1, 1, 1)
        return ~flipped if self.shows else flipped

    def whole(self) -> Tensor:
        """Whether nothing of an image is hidden at a point, boolean (N, points)."""
        low, high = self.flips.flatten(1).aminmax(dim=1, keepdim=True)
        point = torch.arange(self.points, device=self.flips.device)
        return point >= high if self.shows else point < low


def perturbation_curve(images: Tensor, path: Path, score: Score, whole: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """What `score` gives along `path`: the curve, float32 (N, points), and how many pictures it took per image (N,).

    `whole`: the scores (N,) of the images themselves. Where no pixel flips between two points the pictures are the
    same, and the classifier sees them once; it never sees the images themselves again.
    """
    new = distinct(path)
    scores = torch.zeros(new.shape, device=images.device)
    pictures = chained(images, path) if path.chained else separate(images, path, new, batch)
    for perturbed, image, point in ahead(pictures) if path.slow else pictures:
        scores[image, point] = score(perturbed, image)
    latest = torch.where(new, torch.arange(path.points, device=new.device), 0).cummax(dim=1).values
    curve = torch.where(path.whole(), whole.unsqueeze(1), scores.gather(1, latest))
    return curve[:, path.first :], new.sum(1)


def distinct(path: Path) -> Tensor:
    """Whether the picture at each point must be made, (N, points): neither the image nor the point before has it."""
    changes = torch.zeros(len(path.flips), path.points + 1, dtype=torch.bool, device=path.flips.device)
    changes.scatter_(1, path.flips.flatten(1).clamp(max=path.points), True)
    new = changes[:, : path.points]
    new[:, : path.first] = False
    new[:, path.first] = True
    if path.chained:
        new[:, path.first :] = True
    return new & ~path.whole()


def separate(images: Tensor, path: Path, new: Tensor, batch: int) -> Pictures:
    """Pictures made from the images, for all points that are `new` (N, points), `batch` at a time."""
    image, point = new.nonzero(as_tuple=True)
    for first in range(0, len(image), batch):
        i, t = image[first : first + batch], point[first : first + batch]
        hidden = path.hidden(i, t)
        yield torch.where(hidden.unsqueeze(1), path.hide(images[i], i, hidden), images[i]), i, t


def chained(images: Tensor, path: Path) -> Pictures:
    """Pictures made from one another, where something is hidden, one point of all images at a time."""
    image, now = torch.arange(len(images), device=images.device), images
    for number in range(path.points):
        point = torch.full_like(image, number)
        hidden = path.hidden(image, point)
        if hidden.any():
            now = path.hide(now, image, hidden)
            yield now, image, point


def pictures_at(images: Tensor, path: Path, points: Tensor) -> Tensor:
    """The images (N, C, H, W) as they are at these points (N,) of the path."""
    image = torch.arange(len(images), device=images.device)
    if path.chained:
        states = torch.stack([images, *(now for now, _, _ in chained(images, path))])
        return states[points, image]
    hidden = path.hidden(image, points)
    return torch.where(hidden.unsqueeze(1), path.hide(images, image, hidden), images)


def check_classes(target: Tensor, classes: int) -> None:
    """Refuse targets (N,) that are no class of the classifier."""
    if ((target < 0) | (target >= classes)).any():
        raise UserError(f"target classes must be in 0…{classes - 1}, not {target.tolist()}")
