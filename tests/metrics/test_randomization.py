"""The cascade against one written out by hand with scipy, and methods whose dependence on the weights is known."""

import copy

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from relprop import LRP
from relprop.errors import UserError
from relprop.explainers.gradient import Gradient
from relprop.metrics.explaining import Explain
from relprop.metrics.randomization import Randomization
from relprop.models import build_model
from tests.networks import randomize_batchnorm

TARGET = torch.tensor([0, 3, 1])
SCORES = ("rank_correlation", "abs_rank_correlation", "ssim")


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 5)]
    return nn.Sequential(*layers)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def gradient(model: nn.Module) -> Explain:
    explainer = Gradient(model)
    return lambda images, target: explainer(images, target).sum(1)


def edges(model: nn.Module) -> Explain:
    """Differences of neighbouring pixels, whatever the network."""
    return lambda images, target: torch.diff(images.sum(1), dim=2, prepend=images.new_zeros(len(images), 8, 1))


def scored(model: nn.Module, images: Tensor, target: Tensor = TARGET, **options: int | None) -> Randomization:
    metric = Randomization(model, gradient, **options)
    metric.update(images, gradient(model)(images, target), target)
    return metric


def literal(model: nn.Module, image: Tensor, target: int, seed: int) -> list[tuple[float, float, float]]:
    """The scores of the three stages of one image: the linear layer, the second convolution, the first."""
    twin, values = copy.deepcopy(model), []

    def saliency(network: nn.Module) -> Tensor:
        pixels = image[None].clone().requires_grad_()
        network(pixels)[0, target].backward()
        return pixels.grad[0].sum(0).double()

    original = saliency(copy.deepcopy(model))
    for stage, layer in enumerate((5, 2, 0)):
        with torch.random.fork_rng():
            torch.manual_seed(seed + stage)
            twin[layer].reset_parameters()
        now = saliency(twin)
        a, b = (m.abs() / m.abs().max() for m in (original, now))
        values.append(
            (
                spearmanr(original.flatten(), now.flatten()).statistic,
                spearmanr(original.abs().flatten(), now.abs().flatten()).statistic,
                structural_similarity_index_measure(a[None, None], b[None, None], data_range=1.0).item(),
            )
        )
    return values


@pytest.mark.parametrize("seed", [0, 7])
def test_equals_the_literal_cascade(model: nn.Module, images: Tensor, seed: int) -> None:
    metric = scored(model, images, seed=seed)
    for row, image, target in zip(metric.rows, images, TARGET.tolist(), strict=True):
        stages = literal(model, image, target, seed)
        assert row["stages"] == ["5", "2", "0"]
        for name, values in zip(SCORES, zip(*stages, strict=True), strict=True):
            assert row[f"{name}_stages"] == pytest.approx(values, abs=1e-4)
            assert row[name] == pytest.approx(sum(values) / 3, abs=1e-4)
    means = metric.compute()
    assert metric.better == dict.fromkeys(SCORES, "lower")
    assert means == pytest.approx({name: sum(row[name] for row in metric.rows) / 3 for name in SCORES})


def test_a_map_that_ignores_the_model_scores_one(model: nn.Module, images: Tensor) -> None:
    metric = Randomization(model, edges)
    metric.update(images, edges(model)(images, TARGET), TARGET)
    for row in metric.rows:
        assert [row[name] for name in SCORES] == pytest.approx([1, 1, 1], abs=1e-12)


@pytest.mark.parametrize(
    ("stages", "chosen"), [(None, [0, 1, 2]), (1, [2]), (2, [1, 2]), (3, [0, 1, 2]), (9, [0, 1, 2])]
)
def test_stages_are_spread_evenly_and_do_not_change_one_another(
    model: nn.Module, images: Tensor, stages: int | None, chosen: list[int]
) -> None:
    all_rows, metric = scored(model, images).rows, scored(model, images, stages=stages)
    assert metric.rows[0]["stages"] == [("5", "2", "0")[i] for i in chosen]
    for row, every in zip(metric.rows, all_rows, strict=True):
        assert row["stages"] == [every["stages"][i] for i in chosen]
        for name in SCORES:
            assert row[f"{name}_stages"] == pytest.approx([every[f"{name}_stages"][i] for i in chosen], abs=1e-9)
            assert row[name] == pytest.approx(sum(row[f"{name}_stages"]) / len(chosen))


def test_one_copy_at_a_time_is_explained_in_evaluation_mode(model: nn.Module, images: Tensor) -> None:
    networks = []

    def explain_model(network: nn.Module) -> Explain:
        networks.append(network)
        return edges(network)

    Randomization(model.train(), explain_model).update(images, edges(model)(images, TARGET), TARGET)
    assert len(networks) == 3 and len(set(map(id, networks))) == 1
    assert networks[0] is not model and model.training and not networks[0].training


def test_an_image_does_not_depend_on_its_neighbours(model: nn.Module, images: Tensor) -> None:
    together, singly = scored(model, images), Randomization(model, gradient)
    for i in range(3):
        one = slice(i, i + 1)
        singly.update(images[one], gradient(model)(images[one], TARGET[one]), TARGET[one])
    for row, alone in zip(together.rows, singly.rows, strict=True):
        for name in SCORES:
            assert alone[f"{name}_stages"] == pytest.approx(row[f"{name}_stages"], abs=1e-3)


def test_lrp_of_a_residual_network_in_inference_mode(images: Tensor) -> None:
    torch.manual_seed(0)
    network = randomize_batchnorm(build_model("resnet20", num_classes=5, image_size=8))
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()

    def explain_model(network: nn.Module) -> Explain:
        engine = LRP(network, "zplus")
        return lambda images, target: engine.attribute(images, target).sum(1)

    metric = Randomization(network, explain_model, stages=3)
    with torch.inference_mode():
        metric.update(images, explain_model(network)(images, TARGET), TARGET)
    assert metric.rows[0]["stages"] == ["layer3.0.conv1", "layer1.2.bn2", "conv1"]  # 13, 26, 39 of 39
    assert all(-1 <= value < 1 for row in metric.rows for name in SCORES for value in row[f"{name}_stages"])
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert torch.get_rng_state().equal(state)


def test_a_constant_map_warns(model: nn.Module, images: Tensor) -> None:
    metric = Randomization(model, gradient, stages=1)
    with pytest.warns(UserWarning, match="constant heatmap"):
        metric.update(images, torch.ones(3, 8, 8), TARGET)
    assert metric.rows[0]["rank_correlation"] == 0


def test_maps_that_are_not_finite_are_refused_with_the_stage(model: nn.Module, images: Tensor) -> None:
    def explain_model(network: nn.Module) -> Explain:
        return lambda images, target: images.sum(1) / (target != 3).view(-1, 1, 1)

    with pytest.raises(UserError, match=r"with 2 layers randomised, heatmaps \[1\] contain NaN or infinite values"):
        Randomization(model, explain_model, stages=2).update(images, images.sum(1), TARGET)


def test_no_stages_are_refused(model: nn.Module) -> None:
    with pytest.raises(UserError, match="stages=0 must be at least 1, or None"):
        Randomization(model, gradient, stages=0)
