"""RISE: what the classifier says of the image through many random masks (Petsiuk et al. 2018)."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from relprop.classifier import Classifier
from relprop.errors import UserError
from relprop.explainers.base import Explainer, at_target, shared_by_channels
from relprop.explainers.masking import MASKED_BATCH, check_finite, masked_logits


class RISE(Explainer):
    """S(λ) = 1/(N·p) Σᵢ f(x ⊙ Mᵢ) · Mᵢ(λ), f the target's probability (Petsiuk et al. 2018, eq. 6, E[M] = p).

    Each of the N masks is a grid of `cells` × `cells` random bits, 1 with the probability p, enlarged to one cell more
    than the image and moved by a random part of a cell (§3.2). The masks depend on `seed` and the size of the images
    only: they are the same for every image. The classifier runs with batch norm folded where that gives the same.

    - `masks`: N, the number of forwards for each image; the noise of the map falls as 1/√N.
    - `cells`: of the grid, along each side.
    - `probability`: p, of a cell to be seen.
    - `dtype`: what the classifier computes in: float32, bfloat16 or float16.
    """

    channels = "shared"

    def __init__(
        self,
        model: nn.Module,
        masks: int = 5000,
        cells: int = 9,
        probability: float = 0.3,
        dtype: str = "float32",
        seed: int = 0,
        max_batch: int = MASKED_BATCH,
    ) -> None:
        super().__init__(model, max_batch)
        if masks < 1:
            raise UserError(f"masks={masks} is not valid; it takes a whole number of at least 1")
        if cells < 2:
            raise UserError(f"cells={cells} is not valid; it takes a whole number of at least 2")
        if not 0 < probability < 1:
            raise UserError(f"probability={probability} is not valid; it takes a number between 0 and 1, without them")
        self.masks, self.cells, self.probability, self.seed = masks, cells, probability, seed
        self.classifier = Classifier(model, dtype)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The map in equal shares of the channels, (n, C, H, W); never negative."""
        count, channels, height, width = images.shape
        if self.cells > min(height, width):
            raise UserError(f"cells={self.cells} is too many for images of {height}×{width} pixels; give fewer")
        with torch.no_grad():
            self.classifier.prepare(images)
            total = torch.zeros(count, height * width, device=images.device)
            for masks in self._drawn(height, width, images.device):
                # Image by image, so that the pictures of one forward are the same whatever the batch.
                pairs = [(image, wanted.expand(len(masks))) for image, wanted in zip(images, target, strict=True)]
                scores = [at_target(masked_logits(self.classifier, x, masks).softmax(1), c) for x, c in pairs]
                total += torch.stack(scores) @ masks.flatten(1)
        maps = check_finite(total / (self.masks * self.probability), self.classifier)
        return shared_by_channels(maps.view(count, height, width).to(images.dtype), channels)

    def _drawn(self, height: int, width: int, device: torch.device) -> Iterator[Tensor]:
        """All masks (m, H, W), up to `max_batch` at a time; only the grids and their shifts are drawn before."""
        random = torch.Generator().manual_seed(self.seed)
        grids = torch.rand(self.masks, self.cells, self.cells, generator=random) < self.probability
        down, right = (torch.randint(-(-n // self.cells), (self.masks,), generator=random) for n in (height, width))
        parts = (torch.split(drawn.to(device), self.max_batch) for drawn in (grids.float(), down, right))
        for grid, top, left in zip(*parts, strict=True):
            yield enlarged(grid, top, left, height, width)


def enlarged(grids: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """Grids (m, s, s), enlarged bilinearly and cut to (m, H, W) from pixel (`top`, `left`), each (m,), on.

    A cell has ⌈H/s⌉ × ⌈W/s⌉ pixels and the enlarged grid one cell more than s along each side, so that a cut that
    begins anywhere in its first cell lies within it. What is beyond the centre of a border cell continues that cell.
    """
    rows, columns = (_interpolation(*side, grids.shape[1]) for side in ((top, height), (left, width)))
    return rows @ grids @ columns.mT


def _interpolation(starts: Tensor, length: int, cells: int) -> Tensor:
    """Weight of every grid cell k in every pixel j of a cut, (m, length, s): max(0, 1 − |position of j − k|)."""
    enlarged_length = (cells + 1) * -(-length // cells)
    pixels = starts.unsqueeze(1) + torch.arange(length, device=starts.device)
    positions = ((pixels + 0.5) * (cells / enlarged_length) - 0.5).clamp(0, cells - 1)
    return (1 - (positions.unsqueeze(2) - torch.arange(cells, device=starts.device)).abs()).clamp(min=0)
