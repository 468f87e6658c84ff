"""Composites: which rule goes to which layer, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from relprop.lrp.graph import POOLING, WEIGHTED, Graph, Kind, Step
from relprop.lrp.rules import MaxAsAverage, Pass, Proportional, Rule, WinnerTakesAll, ZPlus, ZPlusOnes

PASSES = frozenset({Kind.RELU, Kind.IDENTITY, Kind.BATCHNORM})


@dataclass(frozen=True)
class Composite:
    """One rule each for the first weighted layers, all other weighted layers, max pooling and average pooling.

    ReLU, dropout and batch norm pass relevance on. `start` is where relevance starts unless the caller says otherwise;
    `source` is the publication.
    """

    source: str
    first: Rule
    weighted: Rule
    maxpool: Rule
    avgpool: Rule
    start: str = "probability"

    def rule(self, graph: Graph, step: Step) -> Rule | None:
        """The rule of `step`; None for additions and routing, which need none."""
        if step.kind in WEIGHTED:
            is_first = graph.layers_before(step.index) == 1
            return self.first if is_first else self.weighted
        if step.kind in POOLING:
            return self.maxpool if step.kind is Kind.MAXPOOL else self.avgpool
        return Pass() if step.kind in PASSES else None


OTSUKI2024 = Composite(
    source="Otsuki et al. 2024, Layer-Wise Relevance Propagation with Conservation Property for ResNet, ECCV",
    first=ZPlusOnes(1e-5),
    weighted=ZPlus(1e-5),
    maxpool=MaxAsAverage(1e-5),
    avgpool=Proportional(1e-5),
)
FISCHER2021 = replace(OTSUKI2024, source="Fischer 2021, real-time LRP for VGG-16, published code", start="softmax")
ZPLUS = Composite(
    source="Montavon et al. 2017, Explaining nonlinear classification decisions with deep Taylor decomposition",
    first=ZPlus(),
    weighted=ZPlus(),
    maxpool=WinnerTakesAll(),
    avgpool=Proportional(),
)
COMPOSITES: Mapping[str, Composite] = MappingProxyType(
    {"otsuki2024": OTSUKI2024, "fischer2021": FISCHER2021, "zplus": ZPLUS}
)


def list_composites() -> list[str]:
    """Names that `LRP(model, composite=…)` takes."""
    return sorted(COMPOSITES)
