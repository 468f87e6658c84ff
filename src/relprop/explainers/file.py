"""Maps that were made elsewhere, so that they are reduced, scored and drawn like those of the other methods."""

from pathlib import Path

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import Explainer, check_batch, shared_by_channels
from relprop.explainers.stored_maps import open_maps

_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_NEEDS_INDICES = (
    "method=file looks maps up by the images' indices in their data set, and none were given: give explainer(images, "
    "target, indices), and choose a metric that explains no changed images or networks"
)


class File(Explainer):
    """Maps (H, W) or (C, H, W) of the images' own size, by index; the model is not asked.

    `path` is a folder of files INDEX.npy, INDEX.npz or INDEX.safetensors (INDEX may have leading zeros), or one .npz or
    .safetensors whose entries are named by index, or one .npy with the maps (M, H, W) or (M, C, H, W) in their rows. A
    map is read when its image comes. Raises `UserError` when built for what is none of that, and when called for an
    index without a map and for maps that are not finite or of another size.
    """

    ignores_target = True

    def __init__(self, model: nn.Module, path: str | Path | None = None, positive: bool = False) -> None:
        super().__init__(model, positive=positive)
        if path is None:
            raise UserError("method=file needs the maps; say method.path=FOLDER or method.path=FILE")
        self.maps = open_maps(Path(path).expanduser())

    def __call__(self, images: Tensor, target: Tensor | int | None = None, indices: Tensor | None = None) -> Tensor:
        """The stored maps as attribution (N, C, H, W), float32; of a map (H, W) every channel has an equal share.

        `indices` (N,), whole numbers, are the images' positions in their data set.
        """
        check_batch(images)
        if indices is None:
            raise UserError(_NEEDS_INDICES)
        positions = _positions(indices, len(images))
        with torch.inference_mode(False):
            read = zip(positions, self.maps.read(positions), strict=True)
            maps = torch.stack([self._fit(values, index, images.shape[1:]) for index, values in read])
            attribution = maps.to(images.device)
        return attribution.clamp(min=0) if self.positive else attribution

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Not without indices: a `UserError`."""
        raise UserError(_NEEDS_INDICES)

    def _fit(self, values: Tensor, index: int, size: torch.Size) -> Tensor:
        """A finite map of the image's `size` (C, H, W)."""
        if values.shape not in (size, size[1:]):
            raise UserError(
                f"{self.maps.path}: the map of the image with index {index} is {tuple(values.shape)}; for images "
                f"{tuple(size)} it must be {tuple(size[1:])} or {tuple(size)}"
            )
        if not values.isfinite().all():
            raise UserError(f"{self.maps.path}: the map of the image with index {index} has NaN or infinite values")
        return values if values.dim() == 3 else shared_by_channels(values.unsqueeze(0), size[0]).squeeze(0)


def _positions(indices: Tensor, count: int) -> list[int]:
    if not isinstance(indices, Tensor) or indices.dtype not in _WHOLE:
        given = indices.dtype if isinstance(indices, Tensor) else type(indices).__name__
        raise UserError(f"indices must be whole numbers (LongTensor), not {given}")
    positions: list[int] = indices.flatten().tolist()
    if indices.shape != (count,) or min(positions) < 0:
        raise UserError(f"indices must be one number of at least 0 for each of the {count} images, not {positions}")
    return positions
