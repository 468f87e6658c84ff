"""The attention map that an Attention Branch Network makes while it classifies."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import MAX_BATCH, Explainer, shared_by_channels
from relprop.models.attention_branch import AttentionBranchNetwork


class AttentionBranch(Explainer):
    """m(x) in (0, 1), enlarged bilinearly to the image (Fukui et al. 2019, "Attention Branch Network", CVPR).

    The network has learned m together with its classes, and one m serves them all. Raises `UserError` for a network
    without such a branch.
    """

    channels = "shared"
    ignores_target = True

    def __init__(self, model: nn.Module, max_batch: int = MAX_BATCH) -> None:
        super().__init__(model, max_batch)
        if not isinstance(model, AttentionBranchNetwork):
            raise UserError(
                f"method=attention_branch explains Attention Branch Networks, not a {type(model).__name__}; train one "
                "with 'python scripts/train.py model=abn_resnet20' and say model=abn_resnet20, or take another method"
            )
        self.network = model

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The attention map (n, H, W) in equal parts on the channels, whatever the classes."""
        with torch.no_grad():
            attention = self.network.attention(images).unsqueeze(1)
            maps = F.interpolate(attention, images.shape[2:], mode="bilinear", align_corners=False)
        return shared_by_channels(maps.squeeze(1), images.shape[1])
