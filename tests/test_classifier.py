"""The folded copy gives what the caller's network gives, and is not used where it would not."""

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from relprop import LRP
from relprop.classifier import DTYPES, Classifier
from relprop.data import build_datamodule
from relprop.metrics import InsertionDeletion
from relprop.models import build_model
from relprop.models.weights import load_weights
from tests.networks import network_of, randomize_batchnorm
from tests.slim import slim

FOLDED, GIVEN = "batch norm folded, channels last", "as given"


class Twice(nn.Module):
    """One convolution called twice, with a batch norm behind each call: folding would change it twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.conv(self.first(self.conv(x)).relu())).mean((2, 3)))


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3)) if x.sum() > 0 else self.conv(x).amax((2, 3))


def logits(classifier: Classifier, images: Tensor) -> Tensor:
    classifier.prepare(images)
    with torch.no_grad():
        return classifier(images)


def expected(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(model).eval()(images)


@pytest.mark.parametrize("name", ["resnet20", "resnet50", "vgg11_bn"])
def test_folded_networks_give_the_same(name: str) -> None:
    model = randomize_batchnorm(slim(name, 32)).eval()
    classifier, images = Classifier(model), torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(logits(classifier, images), expected(model, images), rtol=1e-4, atol=1e-4)
    assert classifier.form == FOLDED


@pytest.mark.parametrize("model", [Twice(), Untraceable()], ids=["layer called twice", "untraceable"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_cannot_be_folded_runs_as_it_is(model: nn.Module, dtype: str) -> None:
    model = randomize_batchnorm(model).eval()
    classifier, images = Classifier(model, dtype), torch.randn(2, 3, 8, 8)
    tolerance = 0 if dtype == "float32" else 0.05
    torch.testing.assert_close(logits(classifier, images), expected(model, images), rtol=tolerance, atol=tolerance)
    assert classifier.form == GIVEN


def test_hooks_of_the_caller_still_change_the_answer() -> None:
    model = network_of(lambda b, x: b.conv(x))
    images = torch.randn(2, 3, 8, 8)
    plain = logits(Classifier(model), images)
    handle = model.get_submodule("block0").register_forward_hook(lambda module, inputs, output: output + 1)
    classifier = Classifier(model)
    assert not torch.allclose(logits(classifier, images), plain)
    assert classifier.form == GIVEN
    handle.remove()
    torch.testing.assert_close(logits(classifier, images), plain)
    assert classifier.form == FOLDED
    with register_module_forward_hook(lambda module, inputs, output: output + 1):
        assert not torch.allclose(logits(classifier, images), plain, atol=0.1)


def test_weights_that_change_are_seen_and_the_model_stays_as_it_was() -> None:
    model = network_of(lambda b, x: b.norm(b.conv(x))).train()
    before = copy.deepcopy(model.state_dict())
    classifier, images = Classifier(model), torch.randn(2, 3, 8, 8)
    logits(classifier, images)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        model.get_parameter("head.weight").mul_(2)
    torch.testing.assert_close(logits(classifier, images), expected(model, images), rtol=1e-4, atol=1e-5)


def test_bfloat16_drifts_little_and_says_so() -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(build_model("resnet20", num_classes=10, image_size=32)).eval()
    images, heatmaps, target = torch.rand(4, 3, 32, 32) * 2 - 1, torch.rand(4, 32, 32), torch.tensor([0, 1, 2, 3])
    exact, rough = (
        InsertionDeletion(model, step=100, mean=(0.5,) * 3, std=(0.5,) * 3, dtype=dtype)
        for dtype in ("float32", "bfloat16")
    )
    for metric in (exact, rough):
        metric.update(images, heatmaps, target)
    assert rough.rows[0]["classifier"] == "batch norm folded, channels last, bfloat16"
    assert rough.compute() != exact.compute()
    assert rough.compute() == pytest.approx(exact.compute(), abs=0.02)


@pytest.mark.weights
@pytest.mark.data
def test_scores_of_a_trained_network_are_those_of_the_network_as_given(weights_dir: Path, data_dir: Path) -> None:
    """To 1e-5 in float32; in bfloat16 the areas drift by less than 0.01."""
    data = build_datamodule("cifar10", data_dir=data_dir, limit=4, batch_size=4)
    model = build_model("resnet20", num_classes=10, image_size=32).eval()
    load_weights(model, weights_dir / "resnet20-12fca82f.th")
    images = data.on_after_batch_transfer(next(iter(data.test_dataloader()))).images
    heatmaps = LRP(model, "otsuki2024").attribute(images).sum(1)
    with torch.no_grad():
        target = model(images).argmax(1)

    def scored(dtype: str) -> InsertionDeletion:
        metric = InsertionDeletion(model, step=64, mean=data.mean, std=data.std, dtype=dtype)
        metric.update(images, heatmaps, target)
        return metric

    folded, rough = scored("float32"), scored("bfloat16")
    model.register_forward_hook(lambda *_: None)
    given = scored("float32")
    assert [metric.rows[0]["classifier"] for metric in (folded, given)] == [f"{FOLDED}, float32", f"{GIVEN}, float32"]
    for name in ("insertion", "deletion"):
        torch.testing.assert_close(folded.per_image(name), given.per_image(name), rtol=0, atol=1e-5)
        curve = f"{name}_curve"
        torch.testing.assert_close(folded.per_image(curve), given.per_image(curve), rtol=0, atol=1e-4)
    assert rough.compute() == pytest.approx(given.compute(), abs=0.01)


def test_pickles() -> None:
    classifier, images = Classifier(Twice().eval()), torch.randn(1, 3, 8, 8)
    before = logits(classifier, images)
    assert torch.equal(logits(pickle.loads(pickle.dumps(classifier)), images), before)


def test_unknown_types_and_other_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="dtype=int8 is unknown; choose one of: float32, bfloat16, float16"):
        Classifier(nn.Linear(1, 1), "int8")
    with pytest.raises(ValueError, match=r"must return logits \(N, classes\), not \(1, 4, 6, 6\)"):
        logits(Classifier(nn.Conv2d(3, 4, 3)), torch.randn(1, 3, 8, 8))
