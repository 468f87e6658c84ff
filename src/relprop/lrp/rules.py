"""Propagation rules: how the relevance R_j of a layer's outputs becomes the relevance R_i of its inputs.

One small class per rule. Throughout, a_i is the layer's input, w_ij its weight from i to j, b_j its bias, x⁺ and x⁻ are
the positive and the negative part of x. Every fraction is 0/0 = 0: its denominator is stabilized by ε.
"""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.graph import ELEMENTWISE, WEIGHTED, Kind
from relprop.lrp.parts import Part, Term, identity, negative, positive
from relprop.lrp.rule import BiasedRule, ProportionalRule, Rule
from relprop.lrp.visit import Layer, Visit


@dataclass(frozen=True)
class Epsilon(BiasedRule):
    """LRP-ε: R_i = Σ_j a_i w_ij / (z_j + ε·sign z_j) R_j with z_j = Σ_i a_i w_ij + b_j (Bach et al. 2015, eq. 58).

    With `signed=False`, ε is added as it stands, as in the code of Bermúdez Schettino 2022.
    """

    eps: float = 1e-6
    signed: bool = True
    tunable = frozenset({"eps"})
    needs_output = True  # z_j is what the forward pass has computed, unless a bias is left out

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """a w."""
        stabilizer = {"eps": self.eps} if self.signed else {"offset": self.eps, "eps": 1e-6}
        return (self.part(Term(identity, layer.weight), bias=layer.bias, **stabilizer),)


@dataclass(frozen=True)
class Zero(Epsilon):
    """LRP-0: R_i = Σ_j a_i w_ij / z_j R_j with z_j = Σ_i a_i w_ij + b_j and 0/0 = 0 (Bach et al. 2015, eq. 56).

    The denominator is kept off zero by 1e-6.
    """

    tunable = frozenset()


@dataclass(frozen=True)
class Norm(ProportionalRule):
    """Every input's share of the signed sum, R_i = Σ_j a_i p_ij / (z_j + ε·sign z_j) R_j with z_j = Σ_i a_i p_ij.

    For average pooling with its weights p (the `Norm` of zennit, Anders et al. 2021).
    """

    eps: float = 1e-6
    needs_output = True
    kinds = frozenset({Kind.AVGPOOL})

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """a p."""
        return (Part((Term(identity, layer.weight),), eps=self.eps),)


@dataclass(frozen=True)
class Gamma(BiasedRule):
    """LRP-γ: what points in the direction of z_j counts 1 + γ times (Montavon et al. 2019, "LRP: an overview", §10.2).

    R_i = Σ_j (z_ij + γ z_ij⁺) / Σ_i (z_ij + γ z_ij⁺) R_j for z_ij = a_i w_ij and z_j = Σ_i z_ij + b_j ≥ 0; where
    z_j < 0, z_ij⁻ takes the place of z_ij⁺, so that inputs and outputs may have either sign (generalized LRP-γ, as in
    zennit). The bias counts as an input. For a ≥ 0 and z ≥ 0 this is w + γw⁺ in the place of w. γ = 0 is LRP-0.
    """

    gamma: float = 0.25
    eps: float = 1e-6
    tunable = frozenset({"gamma"})
    needs_output = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.gamma < inf:
            raise UserError(f"gamma={self.gamma} must be a finite number of at least 0")

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """a⁺(w + γw⁺) + a⁻(w + γw⁻) where z ≥ 0; a⁺(w + γw⁻) + a⁻(w + γw⁺) where z < 0."""
        up, down = self._amplified(layer.weight)
        bias_up, bias_down = (None, None) if layer.bias is None else self._amplified(layer.bias)
        options = {"offset": 0.0, "eps": self.eps}
        return (
            self.part(Term(positive, up), Term(negative, down), bias=bias_up, where="positive", **options),
            self.part(Term(positive, down), Term(negative, up), bias=bias_down, where="negative", **options),
        )

    def _amplified(self, w: Tensor) -> tuple[Tensor, Tensor]:
        return w + self.gamma * w.clamp(min=0), w + self.gamma * w.clamp(max=0)


@dataclass(frozen=True)
class AlphaBeta(BiasedRule):
    """LRP-αβ: excitation counts α, inhibition −β, and α − β = 1 (Bach et al. 2015, eq. 60).

    R_i = Σ_j (α z_ij⁺ / z_j⁺ − β z_ij⁻ / z_j⁻) R_j with z_ij = a_i w_ij and z_j^± = Σ_i z_ij^± + b_j^±.
    """

    alpha: float = 2.0
    beta: float = 1.0
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta < 0 or abs(self.alpha - self.beta - 1) > 1e-9:
            raise UserError(f"alpha={self.alpha}, beta={self.beta}: β must not be negative, and α − β must be 1")

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """α (a⁺w⁺ + a⁻w⁻) − β (a⁺w⁻ + a⁻w⁺)."""
        w_pos, w_neg = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        b_pos, b_neg = (None, None) if layer.bias is None else (layer.bias.clamp(min=0), layer.bias.clamp(max=0))
        excited, inhibited = (
            (Term(positive, w_pos), Term(negative, w_neg)),
            (Term(positive, w_neg), Term(negative, w_pos)),
        )
        return (
            self.part(*excited, bias=b_pos, factor=self.alpha, offset=self.eps),
            self.part(*inhibited, bias=b_neg, factor=-self.beta, offset=-self.eps),
        )


@dataclass(frozen=True)
class ZPlus(BiasedRule):
    """z⁺-rule: only what excites a neuron gets relevance.

    R_i = Σ_j z_ij⁺ / (z_j⁺ + ε) R_j with z_ij = a_i w_ij and z_j⁺ = Σ_i z_ij⁺, which is a_i w⁺_ij for inputs a ≥ 0
    (Montavon et al. 2017, "Explaining nonlinear classification decisions with deep Taylor decomposition", eq. 12).
    """

    bias: str = "ignore"
    eps: float = 1e-6

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """a⁺w⁺ + a⁻w⁻."""
        w, b = layer.weight, layer.bias
        excited = (Term(positive, w.clamp(min=0)), Term(negative, w.clamp(max=0)))
        return (self.part(*excited, bias=None if b is None else b.clamp(min=0), offset=self.eps),)


@dataclass(frozen=True)
class ZPlusOnes(ProportionalRule):
    """z⁺-rule on an image of ones: R_i = Σ_j w⁺_ij / (Σ_i w⁺_ij + ε) R_j.

    Otsuki et al. 2024 and Fischer 2021 (published code) use it in the first layer, where a pixel's value says nothing
    about its importance.
    """

    eps: float = 1e-6
    needs_input = False

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """1 w⁺."""
        return (Part((Term(_one(layer), layer.weight.clamp(min=0)),), offset=self.eps),)


@dataclass(frozen=True)
class WSquare(ProportionalRule):
    """w²-rule: R_i = Σ_j w_ij² / Σ_i w_ij² R_j, whatever the input (Montavon et al. 2017, eq. 6)."""

    eps: float = 1e-6
    needs_input = False

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """1 w²."""
        return (Part((Term(_one(layer), layer.weight**2),), offset=self.eps),)


@dataclass(frozen=True)
class Flat(ProportionalRule):
    """Flat rule: every input of a neuron gets the same, R_i = Σ_j R_j / (number of inputs of j).

    Lapuschkin et al. 2019, "Unmasking Clever Hans predictors". Average pooling keeps its own weights, so that relevance
    is spread evenly over the window.
    """

    eps: float = 1e-6
    needs_input = False

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """1 · 1."""
        return (Part((Term(_one(layer), torch.ones_like(layer.weight)),), offset=self.eps),)


@dataclass(frozen=True)
class ZBox(ProportionalRule):
    """z^B-rule for pixels l_i ≤ a_i ≤ h_i (Montavon et al. 2017, eq. 15): for the first layer.

    R_i = Σ_j z_ij / (z_j + ε·sign z_j) R_j with z_ij = a_i w_ij − l_i w⁺_ij − h_i w⁻_ij and z_j = Σ_i z_ij. The box is
    what black and white become by the images' normalisation: l = (0 − mean) / std, h = (1 − mean) / std. The bias
    cancels.
    """

    eps: float = 1e-6
    kinds = WEIGHTED

    def prepare(self, layer: Layer) -> tuple[Part, ...]:
        """The parts; refuses to work without a box."""
        if layer.lowest is None:
            raise UserError(
                f"{layer.name}: the rule ZBox needs the range of the pixels; give LRP(…, mean=…, std=…), the images' "
                "normalisation"
            )
        if layer.kind is Kind.CONV and layer.module.in_channels != len(layer.lowest):
            takes = f"{layer.name} takes {layer.module.in_channels} channels"
            raise UserError(f"{takes}; mean and std have {len(layer.lowest)} numbers")
        return super().prepare(layer)

    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """a w − l w⁺ − h w⁻."""
        assert layer.lowest is not None and layer.highest is not None
        w = layer.weight
        low, high = Term(-layer.lowest, w.clamp(min=0)), Term(-layer.highest, w.clamp(max=0))
        return (Part((Term(identity, w), low, high), eps=self.eps),)


@dataclass(frozen=True)
class Pass(Rule):
    """Relevance goes through unchanged, R_i = R_i: activations, dropout, and batch norm where it is not folded."""

    needs_input = False
    kinds = ELEMENTWISE

    def __call__(self, visit: Visit) -> Tensor:
        """R."""
        return visit.relevance


@dataclass(frozen=True)
class Stop(Rule):
    """Relevance ends here, R_i = 0: what is before this step is not explained."""

    needs_input = False

    def __call__(self, visit: Visit) -> Tensor:
        """0."""
        if visit.ledger is not None:
            visit.ledger.add("stop", visit.relevance)
        return visit.like.new_zeros(visit.like.shape)


def _one(layer: Layer) -> Tensor:
    return layer.weight.new_ones(())
