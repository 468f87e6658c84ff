"""What images have become while a metric flipped their pixels."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import colourize, is_signed
from relprop.visualization.figures import INK
from relprop.visualization.sheets import SCALE, check_counts, draw_sheet, images_left_out

_MOST_STATES = 3  # more leave no room for the type


def perturbed_sheet(
    images: Tensor,
    perturbed: Mapping[str, Tensor],
    heatmaps: Tensor,
    captions: Sequence[str],
    title: str,
    point: str,
    max_images: int = 16,
) -> Figure:
    """Image, its perturbed states, and the heatmap that ordered the pixels side by side, with a colour bar.

    - `images`: (N,3,H,W) in [0,1]; `heatmaps`: (N,H,W); every heatmap is scaled by its own `colour_limit`.
    - `perturbed`: one to three states of all images, (N,3,H,W) in [0,1], by the curve's name, such as "deletion".
    - `captions`: one per image; two lines at most, longer ones end in an ellipsis.
    - `point`: at which point of the curves the states are, as "after 15 % of the pixels". The end of a curve that flips
      all pixels shows nothing: choose an earlier one.
    - `max_images`: the first this many are drawn; the sheet says so if there are more.

    The page is about 7 in wide at 200 dpi. Raises `ValueError` for pictures out of [0,1], NaN, and lengths or shapes
    that do not fit together.
    """
    if not 1 <= len(perturbed) <= _MOST_STATES:
        raise ValueError(f"perturbed has {len(perturbed)} states; it must have from 1 to {_MOST_STATES}")
    if taken := {"image", "heatmap"} & {*perturbed}:
        raise ValueError(f"perturbed has a state named {min(taken)!r}, as another panel is; name it by its curve")
    for name, pictures in {"images": images, **perturbed}.items():
        check_pictures(pictures, heatmaps, name)
    check_counts(len(images), max_images, captions=len(captions))
    shown = min(len(images), max_images)
    signed = is_signed(heatmaps[:shown])
    states = {name: pictures[:shown].detach().float().cpu() for name, pictures in perturbed.items()}
    return draw_sheet(
        {"image": images[:shown].detach().float().cpu(), **states, "heatmap": colourize(heatmaps[:shown], signed)},
        title,
        captions=captions[:shown],
        colours=[INK] * shown,
        notes=[f"{', '.join(states)}: {point}", SCALE, *images_left_out(shown, len(captions))],
        signed=signed,
    )
