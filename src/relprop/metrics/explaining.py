"""Explaining again: metrics that ask how heatmaps change when the image or the network does."""

from collections.abc import Callable

from torch import Tensor

from relprop.errors import UserError

Explain = Callable[[Tensor, Tensor], Tensor]  # (images (N, C, H, W), target (N,)) → heatmaps (N, H, W)


def explain_again(explain: Explain, images: Tensor, target: Tensor, change: str) -> Tensor:
    """Heatmaps of changed images, or of a changed network, float64 (N, H, W).

    Raises `UserError` for maps of another shape and, by index, for values that are not finite; `change` says in the
    message what was changed.
    """
    heatmaps = explain(images, target).detach().double()
    expected = (images.shape[0], *images.shape[2:])
    if heatmaps.shape != expected:
        raise UserError(f"explain must give heatmaps (N, H, W) = {expected} like the images, not {(*heatmaps.shape,)}")
    finite = heatmaps.flatten(1).isfinite().all(1)
    if not finite.all():
        raise UserError(f"{change}, heatmaps {(~finite).nonzero().flatten().tolist()} contain NaN or infinite values")
    return heatmaps
