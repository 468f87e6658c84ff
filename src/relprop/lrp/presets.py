"""The composites by name."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from relprop.lrp.composites import Composite
from relprop.lrp.gradients import DeconvReLU, Derivative, GuidedReLU, PatternAttribution, PatternNet, Transposed
from relprop.lrp.pooling import MaxAsAverage, WinnerTakesAll
from relprop.lrp.rule import Rule
from relprop.lrp.rules import AlphaBeta, Epsilon, Flat, Gamma, Norm, ZBox, Zero, ZPlus, ZPlusOnes
from relprop.lrp.selectors import At, OfKind, Selector

Pair = tuple[Selector, Rule]

CONV, LINEAR, MAXPOOL, AVGPOOL, RELU = (OfKind(kind) for kind in ("conv", "linear", "maxpool", "avgpool", "relu"))
WEIGHTED = OfKind("conv", "linear")
LINEAR_STEPS = OfKind("conv", "linear", "batchnorm")
FIRST = At(0)
# Shares at pooling: the winner's, and each input's of the signed sum.
POOLING: tuple[Pair, ...] = ((MAXPOOL, WinnerTakesAll()), (AVGPOOL, Norm()))

BACH = "Bach et al. 2015, On Pixel-Wise Explanations for Non-Linear Classifier Decisions by LRP, PLoS ONE"
MONTAVON = "Montavon et al. 2017, Explaining nonlinear classification decisions with deep Taylor decomposition"
ZENNIT = "Anders et al. 2021, Software for Dataset-wide XAI (zennit); Montavon et al. 2019, LRP: an overview"
KINDERMANS = "Kindermans et al. 2018, Learning how to explain neural networks: PatternNet and PatternAttribution, ICLR"

OTSUKI2024 = Composite(
    source="Otsuki et al. 2024, Layer-Wise Relevance Propagation with Conservation Property for ResNet, ECCV",
    rules=(
        (FIRST, ZPlusOnes(1e-5)),
        (WEIGHTED, ZPlus(eps=1e-5)),
        (MAXPOOL, MaxAsAverage(1e-5)),
        (AVGPOOL, ZPlus(eps=1e-5)),
    ),
)
# Rules of the layers above the first; the bias counts as one more input, as in zennit.
EPSILON = Composite(BACH, ((WEIGHTED, Epsilon()), *POOLING), start="logit", skip="signed")
EPSILON_PLUS = replace(EPSILON, source=ZENNIT, rules=((CONV, ZPlus("absorb")), (LINEAR, Epsilon()), *POOLING))
EPSILON_GAMMA = replace(EPSILON, source=ZENNIT, rules=((CONV, Gamma()), (LINEAR, Epsilon()), *POOLING))
EPSILON_ALPHA2_BETA1 = replace(EPSILON, source=ZENNIT, rules=((CONV, AlphaBeta()), (LINEAR, Epsilon()), *POOLING))

GRADIENT = Composite(
    source="Simonyan et al. 2014, Deep Inside Convolutional Networks, ICLR Workshop",
    rules=(
        (OfKind("conv", "linear", "avgpool", "batchnorm"), Transposed()),
        (OfKind("relu", "activation", "affine", "maxpool"), Derivative()),
    ),
    start="one",
    skip="copy",
    gate="derivative",
)

COMPOSITES: Mapping[str, Composite] = MappingProxyType(
    {
        "otsuki2024": OTSUKI2024,
        "fischer2021": replace(
            OTSUKI2024, source="Fischer 2021, real-time LRP for VGG-16, published code", start="softmax"
        ),
        "bermudez2022": Composite(
            source="Bermúdez Schettino 2022, published code; Montavon's LRP tutorial",
            rules=(
                (FIRST, ZBox()),
                (At(1, 2), Gamma(gamma=0.25)),
                (CONV, Epsilon(eps=0.25, signed=False)),
                (LINEAR, Zero()),
                *POOLING,
            ),
            start="logit",
            skip="signed",
        ),
        "epsilon": EPSILON,
        "zplus": Composite(MONTAVON, ((WEIGHTED, ZPlus()), (MAXPOOL, WinnerTakesAll()), (AVGPOOL, ZPlus()))),
        "alpha1_beta0": replace(EPSILON, rules=((WEIGHTED, AlphaBeta(alpha=1, beta=0)), *POOLING)),
        "alpha2_beta1": replace(EPSILON, rules=((WEIGHTED, AlphaBeta()), *POOLING)),
        "epsilon_plus": EPSILON_PLUS,
        "epsilon_plus_flat": EPSILON_PLUS.override((FIRST, Flat())),
        "epsilon_gamma_box": EPSILON_GAMMA.override((FIRST, ZBox())),
        "epsilon_alpha2_beta1": EPSILON_ALPHA2_BETA1,
        "epsilon_alpha2_beta1_flat": EPSILON_ALPHA2_BETA1.override((FIRST, Flat())),
        "gradient": GRADIENT,
        "gradient_x_input": replace(
            GRADIENT, source="Shrikumar et al. 2017, Not Just a Black Box", start="one", times_input=True
        ),
        "guided_backprop": replace(
            GRADIENT.override((RELU, GuidedReLU())),
            source="Springenberg et al. 2015, Striving for Simplicity, ICLR Workshop",
        ),
        "deconvnet": replace(
            GRADIENT.override((RELU, DeconvReLU())),
            source="Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, ECCV",
        ),
        "excitation_backprop": Composite(
            source="Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop, ECCV",
            rules=((WEIGHTED, ZPlus()), (MAXPOOL, WinnerTakesAll()), (AVGPOOL, ZPlus())),
            start="one",
            skip="signed",
        ),
        "pattern_net": replace(GRADIENT.override((LINEAR_STEPS, PatternNet())), source=KINDERMANS),
        "pattern_attribution": replace(GRADIENT.override((LINEAR_STEPS, PatternAttribution())), source=KINDERMANS),
    }
)


def list_composites() -> list[str]:
    """Names that `LRP(model, composite=…)` takes."""
    return sorted(COMPOSITES)
