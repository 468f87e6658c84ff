"""The LightningModule: which loss it trains by, whose accuracy it logs, what goes into a checkpoint."""

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.data import Batch
from relprop.models.attention_branch import AttentionBranchNetwork
from relprop.training import Classifier
from relprop.training.losses import OwnLoss

SGD, COSINE = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0}, {"name": "cosine"}


def classifier(model: str, **options: object) -> Classifier:
    torch.manual_seed(0)
    return Classifier("digits", model, list("0123456789"), 16, SGD, COSINE, **options)


def batch(labels: Tensor) -> Batch:
    images = torch.randn(len(labels), 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return Batch(images, labels, torch.arange(len(labels)), None)


def logged(module: Classifier, step: str, given: Batch, monkeypatch: pytest.MonkeyPatch) -> tuple[object, dict]:
    """What a step returns, and what it logs."""
    values: dict[str, object] = {}
    monkeypatch.setattr(module, "log_dict", lambda entries, **_: values.update(entries))
    module.eval()
    return getattr(module, step)(given), values


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("model", ["resnet20", "abn_resnet20"])
def test_loss_is_the_networks_own_and_accuracy_that_of_its_logits(split: str, model: str, monkeypatch) -> None:
    module = classifier(model).eval()
    probe = batch(torch.zeros(6, dtype=torch.long))
    with torch.no_grad():
        predicted = module(probe.images).argmax(1)
        right = torch.tensor([True, True, False, True, False, False])
        given = batch(torch.where(right, predicted, (predicted + 1) % 10))
        name = {"train": "training_step", "val": "validation_step", "test": "test_step"}[split]
        returned, values = logged(module, name, given, monkeypatch)
        plain = F.cross_entropy(module(given.images), given.labels)
    own = isinstance(module.model, OwnLoss)
    assert own == isinstance(module.model, AttentionBranchNetwork)
    expected = module.model.loss_and_logits(given.images, given.labels)[0].item() if own else plain.item()
    assert values[f"{split}/loss"].item() == pytest.approx(expected, rel=1e-5)
    assert (expected > plain.item()) == own
    assert values[f"{split}/accuracy"].compute().item() == 0.5
    assert returned is (values["train/loss"] if split == "train" else None)


def test_options_of_the_network_build_it_and_are_kept() -> None:
    module = classifier("abn_resnet20", model_options={"branch": "layer1"})
    assert module.hparams["model_options"] == {"branch": "layer1"}
    assert [name for name, _ in module.model.perception.named_children()][:2] == ["layer2", "layer3"]
    again = Classifier(**module.hparams)
    again.load_state_dict(module.state_dict())
    assert isinstance(module, L.LightningModule)
