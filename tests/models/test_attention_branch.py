"""Attention Branch Networks: the parts in their order, the sizes, the loss of both branches, what is refused."""

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from tests.configs import CONF
from tests.networks import randomize_batchnorm
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.attention_branch import ATTENTION_BRANCH_NETWORKS, AttentionBranchNetwork
from relprop.models.cifar_resnet import CifarResNet

BACKBONES = {
    "cifar": lambda: CifarResNet(2, 7),
    "basic": lambda: ResNet(BasicBlock, [1, 2, 1, 1], num_classes=7),
    "bottleneck": lambda: ResNet(Bottleneck, [1, 1, 2, 1], num_classes=7),
}
PLACES = [(name, f"layer{i}") for name in BACKBONES for i in (1, 2, 3) if (name, i) != ("cifar", 3)]
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(backbone: str, branch: str) -> AttentionBranchNetwork:
    torch.manual_seed(1)
    return randomize_batchnorm(AttentionBranchNetwork(BACKBONES[backbone](), branch)).eval()


def literal(model: AttentionBranchNetwork, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attention map, attention logits and logits, one operation after the other."""
    x = model.features(images)
    y = model.branch.evidence.stage(x)
    y = F.relu(model.branch.evidence.classes_norm(model.branch.evidence.classes(model.branch.evidence.norm(y))))
    attention = torch.sigmoid(model.branch.map.norm(model.branch.map.conv(y)))
    auxiliary = model.branch.logits.conv(y).mean((2, 3))
    return attention, auxiliary, model.perception((1 + attention) * x)


@pytest.mark.parametrize(("backbone", "branch"), PLACES)
def test_logits_map_and_loss_are_those_of_the_formulas(backbone: str, branch: str) -> None:
    model, labels = network(backbone, branch), torch.tensor([3, 5])
    with torch.no_grad():
        attention, auxiliary, logits = literal(model, IMAGES)
        loss, given = model.loss_and_logits(IMAGES, labels)
        torch.testing.assert_close(model(IMAGES), logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(given, model(IMAGES))
        torch.testing.assert_close(model.attention(IMAGES), attention[:, 0])
    both = (auxiliary.log_softmax(1), logits.log_softmax(1))
    assert loss.item() == pytest.approx(sum(-p[range(2), labels].mean().item() for p in both), rel=1e-4)


@pytest.mark.parametrize(("backbone", "branch"), PLACES)
def test_the_cut_leaves_the_backbone_as_it_is_and_the_branch_halves_nothing(backbone: str, branch: str) -> None:
    torch.manual_seed(1)
    inner = randomize_batchnorm(BACKBONES[backbone]()).eval()
    with torch.no_grad():
        expected = inner(IMAGES)
        model = AttentionBranchNetwork(inner, branch).eval()
        features = model.features(IMAGES)
        torch.testing.assert_close(model.perception(features), expected)
        evidence = model.branch.evidence(features)
        assert evidence.shape == (2, 7, *features.shape[2:])
        assert model.attention(IMAGES).shape == (2, *features.shape[2:])
        next_stage = getattr(model.perception, f"layer{int(branch[-1]) + 1}")
        widened = model.branch.evidence.stage(features)
        assert widened.shape[1] == next_stage(features).shape[1]
    assert len(model.branch.evidence.stage) == len(next_stage)
    shared = {id(p) for p in model.branch.parameters()} & {id(p) for p in inner.parameters()}
    assert not shared
    theirs, mine = (next(stage.parameters()) for stage in (next_stage, model.branch.evidence.stage))
    assert not torch.equal(theirs, mine)


def test_both_losses_train_every_parameter() -> None:
    model = network("cifar", "layer2").train()
    loss, _ = model.loss_and_logits(IMAGES, torch.tensor([3, 5]))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("name", ATTENTION_BRANCH_NETWORKS)
def test_the_branch_comes_where_the_authors_put_it(name: str) -> None:
    """Before the last stage; the yaml says so, too."""
    with torch.device("meta"):
        usual = build_model(name, num_classes=10, image_size=32)
    stages = [part for part, _ in usual.perception.named_children() if part.startswith("layer")]
    assert len(stages) == 1
    options = OmegaConf.load(CONF / "model" / f"{name}.yaml")
    assert options == {"name": name, "branch": f"layer{int(stages[0][-1]) - 1}"}


def test_another_place_is_taken_and_a_wrong_one_refused() -> None:
    with torch.device("meta"):
        model = build_model("abn_resnet50", num_classes=10, image_size=224, branch="layer1")
        assert model.attention(torch.empty(1, 3, 224, 224)).shape == (1, 56, 56)
    for name, branch, stages in (
        ("abn_resnet20", "layer3", "layer1, layer2"),
        ("abn_resnet18", "layer4", "layer1, layer2, layer3"),
        ("abn_resnet18", "fc", "layer1, layer2, layer3"),
    ):
        with pytest.raises(UserError, match=f"branch={branch} is not valid for this .*; choose one of: {stages}"):
            build_model(name, num_classes=10, image_size=32, branch=branch)
    with pytest.raises(UserError, match="Sequential cannot have an attention branch; take a ResNet"):
        AttentionBranchNetwork(nn.Sequential(), "layer1")
