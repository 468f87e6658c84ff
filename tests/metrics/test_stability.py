"""Max-sensitivity against captum with the same noise, and against what is known of linear networks."""

import copy

import pytest
import torch
from captum.metrics import sensitivity_max
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.gradient import Gradient
from relprop.metrics.explaining import Explain
from relprop.metrics.stability import Stability
from relprop.seeding import image_generator

TARGET = torch.tensor([0, 3, 1])


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(beta=5), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16, 5)]
    return nn.Sequential(*layers).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def gradient(model: nn.Module) -> Explain:
    explainer = Gradient(model)
    return lambda images, target: explainer(images, target).sum(1)


def scored(model: nn.Module, images: Tensor, explain: Explain, target: Tensor = TARGET, **options: float) -> Stability:
    metric = Stability(model, explain, **options)
    metric.update(images, explain(images, target), target)
    return metric


def noises(images: Tensor, samples: int, radius: float, seed: int) -> Tensor:
    """One image's noises after the other's, (N · samples, C, H, W)."""
    generators = [image_generator(image, seed) for image in images]
    return torch.stack(
        [(torch.rand(images[0].shape, generator=g) * 2 - 1) * radius for g in generators for _ in range(samples)]
    )


@pytest.mark.parametrize(("samples", "radius", "seed"), [(1, 0.02, 0), (6, 0.3, 5)])
def test_equals_captum_with_the_same_noise(
    model: nn.Module, images: Tensor, samples: int, radius: float, seed: int
) -> None:
    metric = scored(model, images, gradient(model), samples=samples, radius=radius, seed=seed)
    expected = sensitivity_max(
        lambda inputs, target: (gradient(model)(inputs[0] if isinstance(inputs, tuple) else inputs, target),),
        images,
        perturb_func=lambda inputs: inputs + noises(images, samples, radius, seed),
        n_perturb_samples=samples,
        target=TARGET,
    )
    assert [row["max_sensitivity"] for row in metric.rows] == pytest.approx(expected.tolist(), rel=1e-5)
    assert min(expected.tolist()) > 0
    assert metric.better == {"max_sensitivity": "lower"}
    assert metric.description == {"samples": samples, "radius": radius}


def test_noise_stays_within_the_radius_and_fills_it(model: nn.Module, images: Tensor) -> None:
    seen = []

    def explain(images: Tensor, target: Tensor) -> Tensor:
        seen.append(images)
        return images.sum(1)

    scored(model, images, explain, samples=20, radius=0.5)
    noise = torch.stack(seen[1:]) - images
    assert noise.shape == (20, *images.shape)
    assert 0.49 < noise.max() <= 0.5 and -0.49 > noise.min() >= -0.5
    assert abs(noise.mean()) < 0.01
    assert not torch.equal(noise[0], noise[1]) and not torch.equal(noise[:, 0], noise[:, 1])


def test_more_samples_never_score_lower_and_the_seed_matters(model: nn.Module, images: Tensor) -> None:
    few, many, other = (
        [row["max_sensitivity"] for row in scored(model, images, gradient(model), samples=samples, seed=seed).rows]
        for samples, seed in ((2, 0), (12, 0), (2, 1))
    )
    assert all(a <= b for a, b in zip(few, many, strict=True)) and few != many
    assert few != other


def test_a_map_that_does_not_depend_on_the_image_is_stable(model: nn.Module, images: Tensor) -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    assert scored(linear, images, gradient(linear)).compute()["max_sensitivity"] == pytest.approx(0, abs=1e-6)


def test_an_image_does_not_depend_on_its_neighbours(model: nn.Module, images: Tensor) -> None:
    together = [row["max_sensitivity"] for row in scored(model, images, gradient(model)).rows]
    for order in ([2, 0, 1], [1], [0]):
        rows = scored(model, images[order], gradient(model), TARGET[order]).rows
        assert [row["max_sensitivity"] for row in rows] == pytest.approx([together[i] for i in order], rel=1e-5)


def test_in_inference_mode_model_images_and_random_state_stay(model: nn.Module, images: Tensor) -> None:
    model.train()
    before, state, pixels = copy.deepcopy(model.state_dict()), torch.get_rng_state(), images.clone()
    outside = scored(model, images, gradient(model)).rows
    with torch.inference_mode():
        assert scored(model, images.clone(), gradient(model)).rows == outside
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(images, pixels) and model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_map_of_zeros_reports_the_change_itself_with_a_warning(model: nn.Module, images: Tensor) -> None:
    heatmaps = images.sum(1)
    heatmaps[1] = 0
    metric = Stability(model, lambda images, target: torch.full_like(images[:, 0], 0.5), samples=2)
    with pytest.warns(UserWarning, match="a heatmap of zeros has no norm"):
        metric.update(images, heatmaps, TARGET)
    first, empty, _ = (row["max_sensitivity"] for row in metric.rows)
    assert empty == pytest.approx(0.5 * 8)  # √(64 · 0.5²)
    assert first == pytest.approx(((0.5 - heatmaps[0]).norm() / heatmaps[0].norm()).item())


def test_maps_that_are_not_finite_are_refused(model: nn.Module, images: Tensor) -> None:
    def explain(images: Tensor, target: Tensor) -> Tensor:
        return torch.where(target.view(-1, 1, 1) == 3, torch.nan, images.sum(1))

    with pytest.raises(UserError, match=r"under noise, heatmaps \[1\] contain NaN"):
        Stability(model, explain).update(images, images.sum(1), TARGET)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"samples": 0}, "samples=0 must be at least 1"), ({"radius": 0.0}, r"radius=0\.0 must be above 0")],
)
def test_bad_options_are_refused(model: nn.Module, options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Stability(model, gradient(model), **options)
