"""Attention Branch Networks (Fukui et al. 2019, CVPR): ResNets that look where a branch of their own tells them to.

The layers are those of the authors' code, whose convolution to the attention map has 3×3 weights (the paper says 1×1)
and a batch norm behind each 1×1 convolution to the classes.
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet

from relprop.errors import UserError
from relprop.models.cifar_resnet import CIFAR_RESNETS, CifarResNet, PadShortcut, cifar_resnet
from relprop.models.resnet import RESNETS, resnet

# Name of each network: the ResNet that it is made of, and the stage behind which the authors put the branch.
ATTENTION_BRANCH_NETWORKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {f"abn_{name}": (name, "layer3") for name in RESNETS} | {f"abn_{name}": (name, "layer2") for name in CIFAR_RESNETS}
)


def attention_branch_network(
    name: str, num_classes: int, image_size: int, branch: str | None = None
) -> "AttentionBranchNetwork":
    """The network `name`, one of `ATTENTION_BRANCH_NETWORKS`: its ResNet with an attention branch behind a stage.

    `branch` is that stage; None is the authors' choice, the last but one. Raises `UserError` for a stage with none
    behind it.
    """
    backbone, usual = ATTENTION_BRANCH_NETWORKS[name]
    build = resnet if backbone in RESNETS else cifar_resnet
    return AttentionBranchNetwork(build(backbone, num_classes, image_size), branch or usual)


class AttentionBranchNetwork(nn.Module):
    """A ResNet cut in two behind the stage `branch`, from images (N, 3, H, W) to logits (N, classes).

        f = features(x),   m = branch(f) in (0, 1),   logits = perception(f ⊙ m + f)

    `backbone` is a ResNet of torchvision's or a `CifarResNet`, whose layers become part of this network; they may be
    trained. The branch starts with weights of its own.
    """

    def __init__(self, backbone: nn.Module, branch: str) -> None:
        super().__init__()
        if not isinstance(backbone, ResNet | CifarResNet):
            raise UserError(f"{type(backbone).__name__} cannot have an attention branch; take a ResNet")
        layers = dict(backbone.named_children())
        stages = [name for name in layers if name.startswith("layer")]
        if branch not in stages[:-1]:
            raise UserError(
                f"branch={branch} is not valid for this {type(backbone).__name__}; choose one of: "
                f"{', '.join(stages[:-1])}"
            )
        names = [*layers]
        cut = names.index(branch) + 1
        *perception, head = names[cut:]
        linear = layers[head]
        assert isinstance(linear, nn.Linear)
        self.features = nn.Sequential(OrderedDict((name, layers[name]) for name in names[:cut]))
        self.branch = AttentionBranch(layers[names[cut]], linear.out_features)
        self.perception = nn.Sequential(
            OrderedDict([*((name, layers[name]) for name in perception), ("flatten", nn.Flatten(1)), (head, linear)])
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of the perception branch."""
        features = self.features(images)
        return self._perceive(features, self.branch.map(self.branch.evidence(features)))

    def attention(self, images: Tensor) -> Tensor:
        """The attention map (N, h, w) of images (N, 3, H, W), of the size of the features, between 0 and 1."""
        attention: Tensor = self.branch.map(self.branch.evidence(self.features(images)))
        return attention.squeeze(1)

    def loss_and_logits(self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
        """The mean cross-entropy of the attention branch plus that of the perception branch, whose logits these are.

        The training loss of Fukui et al. 2019, §3, from one forward pass. Both branches are to give the same classes,
        so the labels of both are smoothed.
        """
        features = self.features(images)
        evidence = self.branch.evidence(features)
        logits = self._perceive(features, self.branch.map(evidence))
        of_attention = F.cross_entropy(self.branch.logits(evidence), labels, label_smoothing=label_smoothing)
        return of_attention + F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits

    def _perceive(self, features: Tensor, attention: Tensor) -> Tensor:
        # not f ⊙ (1 + m): so the graph says which part of the sum the branch has a say in
        return cast(Tensor, self.perception(features * attention + features))


class AttentionBranch(nn.Module):
    """Evidence (N, classes, h, w) at every place of the features, of which both attention map and logits are made.

    `next_stage` is the stage of the ResNet that takes the features; the branch has one like it that halves nothing.
    """

    def __init__(self, next_stage: nn.Module, num_classes: int) -> None:
        super().__init__()
        stage = _without_stride(next_stage)
        channels = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)][-1].num_features
        self.evidence = nn.Sequential(
            OrderedDict(
                stage=stage,
                norm=nn.BatchNorm2d(channels),
                classes=nn.Conv2d(channels, num_classes, kernel_size=1, bias=False),
                classes_norm=nn.BatchNorm2d(num_classes),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.map = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(num_classes, 1, kernel_size=3, padding=1, bias=False),
                norm=nn.BatchNorm2d(1),
                sigmoid=nn.Sigmoid(),
            )
        )
        self.logits = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(num_classes, num_classes, kernel_size=1, bias=False),
                avgpool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(1),
            )
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()


def _without_stride(stage: nn.Module) -> nn.Module:
    """A copy of a stage of residual blocks that keeps the size of the map."""
    copied = copy.deepcopy(stage)
    for module in copied.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        elif isinstance(module, PadShortcut):
            module.stride = 1
    return copied
