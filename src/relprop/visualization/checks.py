"""What the pictures ask of their input."""

from torch import Tensor


def check_heatmaps(heatmaps: Tensor) -> None:
    """Refuse all but one or more finite maps (N,H,W), with what was given named."""
    if heatmaps.dim() != 3 or heatmaps.numel() == 0:
        raise ValueError(f"heatmaps must be (N, H, W), at least one, not {tuple(heatmaps.shape)}")
    finite = heatmaps.flatten(1).isfinite().all(1)
    if not finite.all():
        raise ValueError(f"heatmaps {(~finite).nonzero().flatten().tolist()} contain NaN or infinite values")


def check_pictures(images: Tensor, heatmaps: Tensor, name: str = "images") -> None:
    """Refuse images, called `name`, that are not (N,3,H,W) in [0,1], or heatmaps that are not (N,H,W) to them."""
    check_heatmaps(heatmaps)
    expected = (heatmaps.shape[0], 3, *heatmaps.shape[1:])
    if images.shape != expected:
        raise ValueError(f"{name} must be (N, 3, H, W) = {expected} like the heatmaps, not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"{name} must be floats in [0, 1], not {images.dtype}; divide uint8 by 255")
    low, high = (value.item() for value in images.detach().aminmax())
    if not (low >= 0 and high <= 1):  # so written, NaN is refused too
        raise ValueError(f"{name} must lie in [0, 1], not in [{low:.3g}, {high:.3g}]; denormalize them first")
