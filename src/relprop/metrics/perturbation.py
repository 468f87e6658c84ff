"""The one routine behind all perturbation metrics: masks → fill → classifier in big batches → curve."""

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32


def perturbation_curve(
    model: nn.Module,
    start: Tensor,
    end: Tensor,
    flips: Tensor,
    points: Tensor,
    target: Tensor,
    batch_size: int,
) -> tuple[Tensor, int]:
    """Probability of the target class while pixels of `start` are replaced by those of `end`.

    `start`, `end`: images (N, C, H, W) as the model takes them. `flips`: point at which each pixel is replaced,
    LongTensor (N, H, W). `points`: the curve's points (P,), ascending. `target`: classes (N,). Returns the curve,
    float32 (N, P), and the number of images that the model has seen: where no pixel flips between two points the masks
    are the same, and the model sees them once.
    """
    seen = _distinct(flips, points)
    image, point = seen.nonzero(as_tuple=True)
    scores = torch.empty(len(image), device=start.device)
    with torch.no_grad(), evaluation_mode(model), exact_float32(start.device):
        for first in range(0, len(image), batch_size):
            chunk = slice(first, first + batch_size)
            i = image[chunk]
            flipped = flips[i] <= points[point[chunk]].view(-1, 1, 1)
            logits = model(torch.where(flipped.unsqueeze(1), end[i], start[i]))
            if ((target < 0) | (target >= logits.shape[1])).any():
                raise UserError(f"target classes must be in 0…{logits.shape[1] - 1}, not {target.tolist()}")
            scores[chunk] = logits.softmax(1).gather(1, target[i].unsqueeze(1)).squeeze(1)
    latest = seen.long().cumsum(1) - 1  # for each point, which of the image's distinct masks it shows
    offset = seen.sum(1).cumsum(0) - seen.sum(1)
    return scores[latest + offset.unsqueeze(1)], len(image)


def _distinct(flips: Tensor, points: Tensor) -> Tensor:
    """Whether the mask at each point differs from the one before, (N, P); the first always counts as new."""
    last = int(points[-1])
    flips_at = torch.zeros(len(flips), last + 2, dtype=torch.bool, device=flips.device)
    flips_at.scatter_(1, flips.flatten(1).clamp(max=last + 1), True)
    new = flips_at[:, points]
    new[:, 0] = True
    return new
