"""What a network says of a picture, what methods show of it, and the same for the picture before it was painted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from relprop.data import Batch
from relprop.demo.choice import Choice
from relprop.demo.patches import Picture, painted
from relprop.demo.studio import Opened, Studio
from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32

TOP = 5


@dataclass(frozen=True)
class View:
    """One look at a picture.

    `pixels` (3, S, S), uint8, are what the network saw, `images` (1, 3, S, S) the same normalised; `probabilities`
    (classes,); `heatmaps` (S, S) by method, and what each was called in `said`; `refused` says why there is no map of
    the others. Of a painted picture, `clean` is the look at it before, for the same class.
    """

    opened: Opened
    picture: Picture
    pixels: Tensor
    images: Tensor
    probabilities: Tensor
    target: int
    heatmaps: Mapping[str, Tensor]
    said: Mapping[str, str]
    refused: Mapping[str, str]
    clean: "View | None" = None

    @cached_property
    def top(self) -> list[tuple[int, float]]:
        """The most probable classes with their probabilities, in order."""
        top = self.probabilities.topk(min(TOP, len(self.probabilities)))
        return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))

    def class_name(self, index: int) -> str:
        return self.opened.data.class_names[index]


def look(
    studio: Studio, opened: Opened, choice: Choice, picture: Picture, known: tuple[View, Choice] | None = None
) -> View:
    """Classify and explain the picture, by every chosen method that goes with the network.

    A painted picture is explained for the class that is predicted for it, unless one is chosen, and so is the same
    picture before, unless that is `known` from the look before this one. Raises `UserError` if no method gives a map,
    and for a picture of another size than the network takes.
    """
    side = opened.data.image_size
    if picture.clean.shape[1:] != (side, side):
        raise UserError(f"{opened.name} takes pictures of {side} × {side} pixels; choose the picture once more")
    with studio.lock:
        now = _look(studio, opened, choice, picture, painted(picture, opened.data), None)
        if not now.heatmaps:
            raise UserError("; ".join(f"{name}: {reason}" for name, reason in now.refused.items()))
        if not picture.strokes:
            return now
        before = _before(now, choice, known)
        if before is None:
            before = _look(studio, opened, choice, picture.bare(), picture.clean, now.target)
        return replace(now, clean=before)


def _before(now: View, choice: Choice, known: tuple[View, Choice] | None) -> View | None:
    """The look at the clean picture by the same methods for the same class, if it is known."""
    if known is None or replace(known[1], target=None) != replace(choice, target=None):
        return None
    clean = known[0].clean or known[0]
    same = clean.opened is now.opened and clean.picture.clean is now.picture.clean and clean.target == now.target
    return clean if same else None


def _look(studio: Studio, opened: Opened, choice: Choice, picture: Picture, pixels: Tensor, target: int | None) -> View:
    position = torch.zeros(1, dtype=torch.int64, device=opened.device)
    batch = Batch(pixels.unsqueeze(0).to(opened.device), position, position)
    images = opened.data.on_after_batch_transfer(batch).images
    with torch.no_grad(), evaluation_mode(opened.network), exact_float32(opened.device):
        probabilities = opened.network(images).softmax(1)[0]
    classes = [each for each in (target, choice.target) if each is not None]
    explained = classes[0] if classes else int(probabilities.argmax())
    heatmaps, said, refused = dict[str, Tensor](), dict[str, str](), dict[str, str]()
    for name in choice.methods:
        try:
            named = studio.method(opened, choice, name)
            heatmap = named.method(images, torch.full_like(position, explained), position)[0].detach().float().cpu()
        except UserError as error:
            refused[name] = str(error)
            continue
        if heatmap.isfinite().all():
            heatmaps[name], said[name] = heatmap, named.said
        else:
            refused[name] = "the map has NaN or infinite values"
    return View(opened, picture, pixels, images, probabilities.cpu(), explained, heatmaps, said, refused)
