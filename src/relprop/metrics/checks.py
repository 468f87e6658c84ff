"""What a metric asks of its input."""

from torch import Tensor

from relprop.errors import UserError


def check_batch(images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None = None) -> None:
    """Refuse images, heatmaps, targets and boxes that do not fit together, with both shapes or the bad index named."""
    if images.dim() != 4 or not images.is_floating_point():
        raise UserError(f"images must be normalised floats (N, C, H, W), not {images.dtype} {tuple(images.shape)}")
    expected = (images.shape[0], *images.shape[2:])
    if heatmaps.shape != expected:
        raise UserError(
            f"heatmaps must be (N, H, W) = {tuple(expected)} like the images, not {tuple(heatmaps.shape)}; "
            "reduce the channels before scoring; resize=True resizes maps of another size"
        )
    if len(images) == 0:
        raise UserError("images are empty (0 of them); give at least one")
    for name, values in {"images": images, "heatmaps": heatmaps}.items():
        rest = tuple(range(1, values.dim()))
        finite = values.amin(rest).isfinite() & values.amax(rest).isfinite()  # no copy of the images, as isfinite makes
        if not finite.all():
            raise UserError(f"{name} {(~finite).nonzero().flatten().tolist()} contain NaN or infinite values")
    if target.shape != images.shape[:1] or target.is_floating_point():
        raise UserError(f"target must be class indices ({len(images)},), not {target.dtype} {tuple(target.shape)}")
    if boxes is not None and boxes.shape != (len(images), 4):
        raise UserError(f"boxes must be left, top, right, bottom, ({len(images)}, 4), not {tuple(boxes.shape)}")
