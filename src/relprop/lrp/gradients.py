"""Rules of gradient-like methods: the same walk back, with derivatives in the place of shares."""

from dataclasses import dataclass

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.graph import ELEMENTWISE, WEIGHTED, Kind
from relprop.lrp.maps import vjp
from relprop.lrp.rule import Rule
from relprop.lrp.visit import Layer, Visit


@dataclass(frozen=True)
class Transposed(Rule):
    """The gradient of a linear layer, R_i = Σ_j w_ij R_j."""

    needs_input = False
    kinds = WEIGHTED | {Kind.AVGPOOL, Kind.BATCHNORM}

    def __call__(self, visit: Visit) -> Tensor:
        """Wᵀ R."""
        assert visit.layer.map is not None
        return visit.layer.map.transpose(visit.relevance, visit.layer.weight, visit.like)


@dataclass(frozen=True)
class Derivative(Rule):
    """The gradient of any other step with one input, R_i = Σ_j J_ji R_j: activations, max pooling, constants."""

    kinds = ELEMENTWISE - {Kind.BATCHNORM} | {Kind.MAXPOOL}

    def __call__(self, visit: Visit) -> Tensor:
        """Jᵀ R."""
        assert visit.a is not None
        if visit.layer.kind is Kind.RELU:
            return visit.relevance * (visit.a > 0)
        return vjp(visit.function, visit.a, visit.relevance)


@dataclass(frozen=True)
class GuidedReLU(Rule):
    """Guided backpropagation: R_i = R_i where both a_i > 0 and R_i > 0, else 0 (Springenberg et al. 2015, eq. 1)."""

    kinds = frozenset({Kind.RELU})

    def __call__(self, visit: Visit) -> Tensor:
        """[a > 0] R⁺."""
        assert visit.a is not None
        return visit.relevance.clamp(min=0) * (visit.a > 0)


@dataclass(frozen=True)
class DeconvReLU(Rule):
    """Deconvnet: R_i = R_i⁺, whatever the ReLU let through (Zeiler & Fergus 2014, §2.1)."""

    needs_input = False
    kinds = frozenset({Kind.RELU})

    def __call__(self, visit: Visit) -> Tensor:
        """R⁺."""
        return visit.relevance.clamp(min=0)


@dataclass(frozen=True)
class PatternNet(Rule):
    """The signal back through the patterns p: R_i = Σ_j p_ij R_j (Kindermans et al. 2018, §4).

    A batch norm by itself multiplies each channel by one number w, so that its pattern is 1 / w.
    """

    needs_input = False
    kinds = WEIGHTED | {Kind.BATCHNORM}

    def prepare(self, layer: Layer) -> Tensor:
        """p."""
        return fitted(layer)

    def __call__(self, visit: Visit) -> Tensor:
        """Pᵀ R."""
        assert visit.layer.map is not None
        return visit.layer.map.transpose(visit.relevance, visit.prepared, visit.like)


@dataclass(frozen=True)
class PatternAttribution(PatternNet):
    """The attribution of the signal: R_i = Σ_j p_ij w_ij R_j (Kindermans et al. 2018)."""

    def prepare(self, layer: Layer) -> Tensor:
        """p ⊙ w."""
        return fitted(layer) * layer.weight


def fitted(layer: Layer) -> Tensor:
    """The layer's pattern, or a `UserError` that says where to get one."""
    if layer.kind is Kind.BATCHNORM:
        return torch.where(layer.weight == 0, 0, 1 / layer.weight)
    if layer.pattern is None:
        raise UserError(f"{layer.name} has no pattern; fit some with fit_patterns(model, loader), give LRP(patterns=…)")
    if layer.pattern.shape != layer.weight.shape:
        raise UserError(
            f"{layer.name}: the pattern is {tuple(layer.pattern.shape)}, the weight {tuple(layer.weight.shape)}; the "
            "patterns are those of another network"
        )
    return layer.pattern
