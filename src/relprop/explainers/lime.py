"""LIME (Ribeiro et al. 2016) by captum, on super-pixels of scikit-image."""

from collections.abc import Iterator, Sequence
from typing import Any

import captum.attr
import numpy as np
import torch
from captum._utils.models.linear_model import SkLearnRidge
from skimage.segmentation import slic
from torch import Tensor, nn

from relprop.classifier import Classifier
from relprop.errors import UserError
from relprop.explainers.base import Explainer, at_target, shared_by_channels
from relprop.explainers.baselines import Baseline
from relprop.explainers.masking import MASKED_BATCH
from relprop.seeding import image_generator

WIDTH = 0.25  # σ of the kernel
ALPHA = 1.0  # of the ridge regression


class Lime(Explainer):
    """Weights of a linear model of the classifier on super-pixels, shown or hidden (Ribeiro et al. 2016, eq. 1, §3.4).

    Each of the K super-pixels of an image is shown or not, z ∈ {0, 1}^K, by the toss of a coin; the first z shows all.
    f(z) is the target's probability for the image whose hidden super-pixels have the baseline's colour. The map is w of

        min_{w, b} Σ_z π(z) (f(z) − w·z − b)² + |w|²,   π(z) = exp(−d² / 2σ²),   d = 1 − cos(z, 1) = 1 − √(|z| / K)

    with σ = 1/4, the kernel and the ridge regression of the authors' own image explainer. Two things differ from it:
    the super-pixels are those of SLIC (Achanta et al. 2012), of which one says how many, not quickshift's, and hidden
    ones have one colour, not their mean.

    captum contributes the loop and the regression, by scikit-learn. Samples and kernel are given to it: its own draw
    from the global generator and compare pixels instead of z. It gets one image at a time, so that neither batch nor
    order changes a bit of the map, and the global generator, which its data loader and its linear layer draw from, is
    put back. The classifier runs with batch norm folded where that gives the same.

    - `segments`: K that SLIC aims at.
    - `samples`: how many z, and forwards, for each image.
    - `seed`: the z depend on it and on the image only.
    """

    channels = "shared"

    def __init__(
        self,
        model: nn.Module,
        segments: int = 50,
        samples: int = 1000,
        baseline: str = "mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        seed: int = 0,
        max_batch: int = MASKED_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        if segments < 2:
            raise UserError(f"segments={segments} is not valid; it takes a whole number of at least 2")
        if samples < 1:
            raise UserError(f"samples={samples} is not valid; it takes a whole number of at least 1")
        self.segments, self.samples, self.seed = segments, samples, seed
        self.baseline, self.mean, self.std = Baseline(baseline, mean, std), mean, std
        self.classifier = Classifier(model)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The weight of each pixel's super-pixel in equal shares of the channels, (n, C, H, W)."""
        self.classifier.prepare(images)
        with torch.random.fork_rng(devices=[]):
            maps = [self._weights(*one) for one in zip(torch.split(images, 1), torch.split(target, 1), strict=True)]
        return shared_by_channels(torch.stack(maps).to(images), images.shape[1])

    def _weights(self, image: Tensor, target: Tensor) -> Tensor:
        """w of each pixel (H, W), of one image (1, C, H, W) and its class (1,)."""
        baseline = self.baseline(image)
        segments = superpixels(image[0], self.segments, self.mean, self.std).to(image.device)
        lime = captum.attr.Lime(
            self._probability, SkLearnRidge(alpha=ALPHA), similarity_func=_nearness, perturb_func=self._shown
        )
        w: Tensor = lime.attribute(
            image,
            baseline,
            additional_forward_args=(target,),  # captum's Lime repeats a bare tensor element by element
            feature_mask=segments[None, None],
            n_samples=self.samples,
            perturbations_per_eval=self.max_batch,
            return_input_shape=False,
        )
        return w.flatten().to(image.device)[segments]

    def _shown(self, image: Tensor, num_interp_features: int, **_: Any) -> Iterator[Tensor]:
        """z (1, K), one after the other."""
        generator = image_generator(image, self.seed, "lime")
        z = torch.randint(2, (self.samples, num_interp_features), generator=generator)
        z[0] = 1
        yield from torch.split(z.to(image.device), 1)

    def _probability(self, images: Tensor, target: Tensor) -> Tensor:
        return at_target(self.classifier(images).softmax(1), target)


def _nearness(image: Tensor, perturbed: Tensor, z: Tensor, **_: Any) -> Tensor:
    """π(z), (1,), of z (1, K)."""
    d = 1 - z.float().mean(1).sqrt()
    return (-(d**2) / (2 * WIDTH**2)).exp()


def superpixels(image: Tensor, segments: int, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    """The super-pixel of every pixel, whole numbers (H, W) from 0 on, of a normalised image (C, H, W), by SLIC.

    SLIC weighs colours against distances, so it gets colours from 0 to 1: those before the normalisation, or without
    its `mean` and `std` the values between the image's smallest and largest. They are smoothed before, by a Gaussian of
    one pixel, without which SLIC finds a noisy image to be one super-pixel.
    """
    pixels = image.detach().double().cpu()
    if mean is not None and std is not None:
        pixels = (pixels * _by_channel(std) + _by_channel(mean)).clamp(0, 1)
    else:
        low, high = pixels.amin(), pixels.amax()
        pixels = (pixels - low) / (high - low).clamp(min=torch.finfo(pixels.dtype).tiny)
    labels = slic(pixels.permute(1, 2, 0).numpy(), n_segments=segments, sigma=1, start_label=0)
    return torch.from_numpy(labels.astype(np.int64))


def _by_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
