"""LRP as captum has it by default: what publications compare their rules for residual networks with."""

import logging
from collections import Counter

import captum.attr
import torch
from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.explainers.separated import Graphs, Separated
from relprop.lrp.graph import Graph, Kind
from relprop.lrp.operations import Mean

log = logging.getLogger(__name__)
UNSEEN = (Kind.ADD, Kind.PRODUCT, Kind.AFFINE)  # what changes relevance on its way and is no module to captum


class CaptumLRP(Explainer):
    """R_i = x_i Σ_j ∂z_j/∂x_i · R_j / (z_j ± 1e-9) at every layer z(x), from the target's logit on: captum's default.

    It is rule ε of Bach et al. 2015 (eq. 58) with next to no ε for convolutions, linear layers, batch norms and average
    poolings, each as it stands: biases and the shifts of batch norms keep their part of the relevance. The largest
    pixel of a max pooling gets all. ReLU and tanh pass relevance on, and so does what only moves values about.

    On residual networks this is no LRP. captum sees modules, and an addition is none: autograd hands all of its
    relevance to both branches, and where an identity shortcut begins at the input of a convolution, captum multiplies
    what comes back by it with that input once more. Nothing is conserved, and the numbers grow from block to block, in
    ResNet-56 and ResNet-101 with random weights beyond float32. It is computed all the same, since publications compare
    with it (the "LRP" of Otsuki et al. 2024), and said once in the log. `method=lrp` has rules for additions.

    captum refuses nn.Identity, nn.Flatten and layers that are called twice, leaves attributes on modules and copies the
    weights, which none of these rules changes, back into the network: it gets a `Separated` copy, and the last is left
    out. On networks that captum takes as they are, the map is captum's to the last bit. Layers that it has no rule for
    are refused by name. Images go through one by one: where z_j is near 0 its last bits, which the size of the batch
    changes, decide on the map.

    Raises `UserError` when called, if the relevance is not finite.
    """

    ignores_hooks = True

    def __init__(self, model: nn.Module, max_batch: int = MAX_BATCH, positive: bool = False) -> None:
        super().__init__(model, max_batch, positive)
        self._graphs = Graphs(model)
        self._separated()
        _warn_of_unseen(self._graphs.current())

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Relevance (n, C, H, W)."""
        relevance = torch.cat(
            [self._relevance(*one) for one in zip(torch.split(images, 1), torch.split(target, 1), strict=True)]
        )
        if not relevance.isfinite().all():
            raise UserError(
                "captum's LRP gives NaN or infinite relevance here: it grows at every addition of two branches; choose "
                "method=lrp, or a network with fewer"
            )
        return relevance

    def _relevance(self, image: Tensor, target: Tensor) -> Tensor:
        lrp = captum.attr.LRP(self._separated())
        lrp._restore_state = lambda: None
        result: Tensor = lrp.attribute(image.clone().requires_grad_(), additional_forward_args=target)
        return result.detach()

    def _separated(self) -> Separated:
        network = Separated(self._graphs.current())
        for index, layer in network.layers.items():
            if type(layer) in SUPPORTED_LAYERS_WITH_RULES or isinstance(layer, Mean):
                layer.rule = EpsilonRule()
            elif type(layer) not in SUPPORTED_NON_LINEAR_LAYERS:
                known = {*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS, nn.Identity, nn.Flatten}
                raise UserError(
                    f"{network.graph.steps[int(index)].name}: captum's LRP has no rule for {type(layer).__name__}; it "
                    f"takes {', '.join(sorted(kind.__name__ for kind in known))}. method=lrp takes more."
                )
        return network


def _warn_of_unseen(graph: Graph) -> None:
    unseen = [step for step in graph.steps if step.kind in UNSEEN]
    if unseen:
        counts = Counter(step.kind for step in unseen)
        kinds = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
        log.warning(
            "captum's LRP is not defined for this network: it does not see %s (the first is %s), so that relevance is "
            "not conserved; it is computed as captum does it. method=lrp has rules for them.",
            kinds,
            unseen[0].name,
        )
