"""LIME against the closed form of its weighted ridge regression, on the same samples."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.explainers.lime import superpixels
from relprop.seeding import image_generator
from tests.explainers.asking import batches_of, small_network

TARGET, SAMPLES = torch.tensor([1, 4]), 40


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Two parts of real photographs, normalised."""
    crops = [torch.from_numpy(photo[100:260:5, 200:360:5].copy()) for photo in load_sample_images().images]
    return torch.stack(crops).movedim(-1, 1).double() / 64 - 2


def literal(model: nn.Module, image: Tensor, target: int, segments: Tensor, seed: int) -> Tensor:
    """β = (ZᵀWZ)⁻¹ ZᵀWp of centred Z and p, with 1 added to the diagonal; w₀ is not penalised."""
    count, generator = int(segments.max()) + 1, image_generator(image, seed, "lime")
    z = torch.randint(2, (SAMPLES, count), generator=generator)
    z[0] = 1
    with torch.no_grad():
        p = model(image * z[:, segments].unsqueeze(1)).softmax(1)[:, target].numpy()
    z = z.numpy().astype(float)
    cosine = z.sum(1) / np.sqrt(count) / np.maximum(np.sqrt((z**2).sum(1)), 1e-12)
    weights = np.exp(-((1 - cosine) ** 2) / (2 * 0.25**2))
    z, p = z - np.average(z, axis=0, weights=weights), p - np.average(p, weights=weights)
    beta = np.linalg.solve((z.T * weights) @ z + np.eye(count), (z.T * weights) @ p)
    return torch.from_numpy(beta)[segments]


def test_weights_of_the_ridge_regression_whatever_goes_through_the_network_at_once(images: Tensor) -> None:
    model, before = small_network(), torch.get_rng_state()
    options = {"segments": 12, "samples": SAMPLES, "seed": 3}
    expected = torch.stack(
        [literal(model, x, t, superpixels(x, 12, None, None), 3) for x, t in zip(images, TARGET.tolist(), strict=True)]
    )
    for max_batch in (7, 32):
        with batches_of(model) as seen:
            attribution = get_explainer("lime", model, **options, max_batch=max_batch)(images, TARGET)
        assert max(seen) <= max_batch
        torch.testing.assert_close(attribution.sum(1), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    assert torch.equal(torch.get_rng_state(), before)
    other = get_explainer("lime", model, **{**options, "seed": 4})(images, TARGET)
    assert not torch.allclose(other, attribution, rtol=0.1)


def test_super_pixels_are_connected_and_as_many_as_wanted(images: Tensor) -> None:
    noise = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    for image in (*images, noise, torch.zeros(3, 32, 32)):
        segments = superpixels(image, 20, None, None)
        names = segments.unique()
        assert segments.shape == (32, 32)
        assert names.tolist() == list(range(len(names)))
        assert 8 <= len(names) <= 40


def test_super_pixels_follow_the_colours() -> None:
    """An image of two colours: but for the pixel by which SLIC smooths, no super-pixel has both."""
    image = torch.zeros(3, 32, 32)
    image[:, :, 13:] = 1
    segments = superpixels(image, 8, None, None)
    assert not set(segments[:, :12].unique().tolist()) & set(segments[:, 14:].unique().tolist())


def test_bad_options_are_refused() -> None:
    for option, least in (("segments", 2), ("samples", 1)):
        with pytest.raises(UserError, match=f"{option}=0 is not valid; it takes a whole number of at least {least}"):
            get_explainer("lime", small_network(), **{option: 0})
