"""SmoothGrad against a slow loop, in batches of every kind."""

import pytest
import torch
from torch import Tensor, nn

from relprop.explainers.gradient import Gradient, input_gradient
from relprop.explainers.smoothgrad import SmoothGrad
from relprop.seeding import image_generator


class Pictures(nn.Module):
    """A small network that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Flatten(), nn.Linear(6 * 9, 4))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.body(x)


@pytest.fixture
def model() -> Pictures:
    torch.manual_seed(0)
    return Pictures().double().eval()


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 3, 5, 5).double() * torch.tensor([0.5, 1, 4]).double().view(3, 1, 1, 1)


TARGET = torch.tensor([0, 3, 1])


def noisy_copies(image: Tensor, samples: int, noise: float, seed: int) -> list[Tensor]:
    """x + ε (1, C, H, W), drawn one after the other from the image's own generator."""
    generator = image_generator(image, seed, "noisy gradients")
    sigma = noise * (image.max() - image.min()).item()
    return [(image + sigma * torch.randn(image.shape, generator=generator))[None] for _ in range(samples)]


def test_is_the_mean_of_the_gradients_of_noisy_copies(model: Pictures, images: Tensor) -> None:
    for image, target in zip(images, TARGET, strict=True):
        copies = noisy_copies(image, samples=7, noise=0.3, seed=5)
        gradients = [input_gradient(model, copy.double(), target[None]) for copy in copies]
        attribution = SmoothGrad(model, samples=7, noise=0.3, seed=5)(image[None], target[None])
        torch.testing.assert_close(attribution, sum(gradients) / 7)


@pytest.mark.parametrize("max_batch", [1, 2, 3, 7, 32])
def test_neither_batch_nor_max_batch_changes_it(model: Pictures, images: Tensor, max_batch: int) -> None:
    expected = torch.cat([SmoothGrad(model, 5)(images[i : i + 1], TARGET[i : i + 1]) for i in range(3)])
    model.seen.clear()
    torch.testing.assert_close(SmoothGrad(model, 5, max_batch=max_batch)(images, TARGET), expected)
    counts = [len(batch) for batch in model.seen]
    assert sum(counts) == 15
    assert max(counts) <= max_batch
    assert len(counts) == {1: 15, 2: 5 + 3, 3: 5, 7: 3, 32: 1}[max_batch]


def test_noise_is_normal_and_a_share_of_the_range_of_each_image(model: Pictures, images: Tensor) -> None:
    SmoothGrad(model, samples=400, noise=0.2)(images, TARGET)
    noise = torch.cat([batch.view(-1, 3, *images.shape[1:]) for batch in model.seen]) - images
    ranges = images.flatten(1).amax(1) - images.flatten(1).amin(1)
    scaled = noise.transpose(0, 1).flatten(1) / ranges[:, None]
    torch.testing.assert_close(scaled.std(1), torch.full((3,), 0.2).double(), rtol=0.02, atol=0)
    assert (scaled.mean(1).abs() < 0.005).all()
    within = (scaled.abs() < 0.2).double().mean(1)  # one standard deviation
    torch.testing.assert_close(within, torch.full((3,), 0.6827).double(), rtol=0.02, atol=0)


def test_seeds_and_images_have_noise_of_their_own_and_the_global_one_is_left_alone(
    model: Pictures, images: Tensor
) -> None:
    state = torch.get_rng_state()
    first, again, other = (SmoothGrad(model, 3, seed=seed)(images, TARGET) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).all()
    noise = model.seen[0].view(3, 3, *images.shape[1:]) - images
    assert len({round(value, 9) for value in noise[:, :, 0, 0, 0].flatten().tolist()}) == 9


def test_without_noise_it_is_the_gradient(model: Pictures, images: Tensor) -> None:
    torch.testing.assert_close(SmoothGrad(model, noise=0)(images, TARGET), Gradient(model)(images, TARGET))
    constant = torch.ones(1, 3, 5, 5).double()  # max − min is zero
    torch.testing.assert_close(SmoothGrad(model)(constant, 1), Gradient(model)(constant, 1))


def test_values_out_of_range_are_refused(model: Pictures) -> None:
    with pytest.raises(ValueError, match="samples=0 is not valid; it takes a whole number of at least 1"):
        SmoothGrad(model, samples=0)
    for noise in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"noise={noise} is not valid; it takes a share of max − min"):
            SmoothGrad(model, noise=noise)
