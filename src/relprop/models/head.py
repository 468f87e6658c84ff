"""The layers of a network that depend on the number of classes."""

from torch import nn

from relprop.models.attention_branch import AttentionBranchNetwork


def head_modules(model: nn.Module) -> list[str]:
    """Names of the modules whose weights have another shape for another number of classes, in the network's order.

    The last layer with weights, linear or a convolution as in DarkNet-19 and SqueezeNet; in an Attention Branch Network
    those of its branch, too.
    """
    layers = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    branch = ("evidence.classes", "evidence.classes_norm", "map.conv", "logits.conv")
    within = [f"branch.{name}" for name in branch] if isinstance(model, AttentionBranchNetwork) else []
    return [*within, layers[-1]]
