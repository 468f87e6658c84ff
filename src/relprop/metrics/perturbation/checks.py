"""What perturbation metrics ask of images beyond what every metric does: the normalisation that they are told."""

import warnings
from collections.abc import Sequence

from torch import Tensor

from relprop.errors import UserError


def check_normalised(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> None:
    """Refuse images (N, C, H, W) that cannot have been normalised by `mean` and `std`; warn of those that look raw.

    Pixels in [0, 1] become values between −mean/std and (1 − mean)/std. Values further outside than twice that range
    are refused; they are warned of if all lie in [0, 1] although black would be below −0.5 in every channel.
    """
    if not len(mean) == len(std) == images.shape[1]:
        raise UserError(f"images must be (N, {len(mean)}, H, W) as mean and std say, not {tuple(images.shape)}")
    bounds = [(-m / s, (1 - m) / s) for m, s in zip(mean, std, strict=True)]
    low, high = images.amin((0, 2, 3)).tolist(), images.amax((0, 2, 3)).tolist()
    for channel, (black, white) in enumerate(bounds):
        margin = 2 * (white - black)
        if low[channel] < black - margin or high[channel] > white + margin:
            raise UserError(
                f"channel {channel} of the images lies in [{low[channel]:.3g}, {high[channel]:.3g}], but mean and std "
                f"put black at {black:.3g} and white at {white:.3g}; normalise them: (pixels in [0, 1] − mean) / std"
            )
    if min(low) >= 0 and max(high) <= 1 and all(black < -0.5 for black, _ in bounds):
        warnings.warn(
            "all pixels lie in [0, 1], as if the images were not normalised; mean and std put black at "
            f"{', '.join(f'{black:.3g}' for black, _ in bounds)}",
            stacklevel=2,
        )
