"""What a metric asks of its input."""

from torch import Tensor

from relprop.errors import UserError


def check_batch(images: Tensor, heatmaps: Tensor, target: Tensor, channels: int) -> None:
    """Refuse images, heatmaps and targets that do not fit together, with both shapes or the bad index named."""
    if images.dim() != 4 or images.shape[1] != channels:
        raise UserError(f"images must be (N, {channels}, H, W) as mean and std say, not {tuple(images.shape)}")
    expected = (images.shape[0], *images.shape[2:])
    if heatmaps.shape != expected:
        raise UserError(
            f"heatmaps must be (N, H, W) = {tuple(expected)} like the images, not {tuple(heatmaps.shape)}; "
            "reduce the channels and resize before scoring"
        )
    for name, values in {"images": images, "heatmaps": heatmaps}.items():
        finite = values.flatten(1).isfinite().all(1)
        if not finite.all():
            raise UserError(f"{name} {(~finite).nonzero().flatten().tolist()} contain NaN or infinite values")
    if target.shape != images.shape[:1] or target.is_floating_point():
        raise UserError(f"target must be class indices ({len(images)},), not {target.dtype} {tuple(target.shape)}")
