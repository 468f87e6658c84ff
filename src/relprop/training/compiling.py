"""The network as compiled code."""

import torch
from torch import nn

from relprop.errors import UserError
from relprop.training.losses import OwnLoss


def compile_network(model: nn.Module, device: torch.device) -> None:
    """Compile `model` in place, so that the names of its weights stay; it happens at the first images.

    Raises `UserError` if torch cannot compile for the device, for which it needs a C++ compiler, on a GPU also Triton.
    """
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(1, device=device))
    except Exception as error:  # what the compilers of all systems raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"compile=true: torch cannot compile for {device} here ({reason}); install a C++ compiler such as g++, or "
            "leave compile=true out"
        ) from error
    model.compile()
    if isinstance(model, OwnLoss):  # which does not go through the call that has just been compiled
        model.loss_and_logits = torch.compile(model.loss_and_logits)  # type: ignore[method-assign]
