"""Other libraries as sides of the benchmark. They are imported only when they are measured."""

import copy
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from relprop.errors import UserError

Side = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Competitor:
    """`build` gives the library's explanation of a model; `refusal` says why it is not measured, None if it is."""

    library: str
    build: Callable[[nn.Module], Side]
    refusal: Callable[[nn.Module], str | None] = lambda model: None

    def about(self) -> dict[str, str]:
        """Name and version of the library."""
        with _installed():
            return {"library": self.library, "version": version(self.library)}


def zennit(composite: Callable[[Any], Any]) -> Competitor:
    """A composite of zennit, canonized and with its hooks in place, as for many batches; `composite` builds it."""

    def build(model: nn.Module) -> Side:
        library = _import("zennit.composites")
        canonizer = _import("zennit.torchvision").ResNetCanonizer()
        own = copy.deepcopy(model).eval()  # hooks and folded batch norm stay on the copy
        composite(library)(canonizers=[canonizer] if isinstance(model, ResNet) else []).register(own)
        attributor = _import("zennit.attribution").Gradient(own)

        def side(images: Tensor, target: Tensor) -> Tensor:
            def start(logits: Tensor) -> Tensor:
                return torch.zeros_like(logits).scatter_(1, target.unsqueeze(1), 1.0)

            attribution: Tensor = attributor(images, start)[1]
            return attribution

        return side

    return Competitor("zennit", build)


def _everywhere(rule: str) -> Callable[[Any], Any]:
    """zennit's composite with one rule in all convolutions and linear layers."""

    def composite(library: Any) -> Any:
        linear, layer_rule = _import("zennit.types").Linear, getattr(_import("zennit.rules"), rule)()
        layers = [*library.layer_map_base(), (linear, layer_rule)]
        return lambda canonizers: library.LayerMapComposite(layers, canonizers)

    return composite


def _captum(model: nn.Module) -> Side:
    rules, attributions = _import("captum.attr._utils.lrp_rules"), _import("captum.attr")
    own: Any = copy.deepcopy(model).eval()

    def side(images: Tensor, target: Tensor) -> Tensor:
        for module in own.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.rule = rules.EpsilonRule(1e-6)  # gone after every call
        attribution: Tensor = attributions.LRP(own).attribute(images.clone().requires_grad_(), target)
        return attribution.detach()

    return side


def _captum_refusal(model: nn.Module) -> str | None:
    if not isinstance(model, ResNet):
        return None
    return "captum's LRP does not see additions such as out += identity, so that its result on a ResNet is no LRP"


def gradcam_scorecam(layer: str, batch_size: int) -> Competitor:
    """grad-cam's Score-CAM of a layer, with so many pictures in one forward; its map is (N, H, W), from 0 to 1."""

    def build(model: nn.Module) -> Side:
        targets = _import("pytorch_grad_cam.utils.model_targets")
        own = copy.deepcopy(model).eval()  # hooks stay on the copy
        library = _import("pytorch_grad_cam").ScoreCAM(own, [own.get_submodule(layer)])
        library.batch_size = batch_size

        def side(images: Tensor, target: Tensor) -> Tensor:
            wanted = [targets.ClassifierOutputTarget(label) for label in target.tolist()]
            with redirect_stderr(io.StringIO()):  # its progress bar
                return torch.from_numpy(library(images, wanted))

        return side

    return Competitor("grad-cam", build)


# By our composite: what other libraries have in its place.
EPSILON_PLUS = {"zennit EpsilonPlus": zennit(lambda library: library.EpsilonPlus)}
COMPETITORS: Mapping[str, Mapping[str, Competitor]] = MappingProxyType(
    {
        "otsuki2024": EPSILON_PLUS,
        "zplus": EPSILON_PLUS,
        "epsilon": {
            "zennit Epsilon": zennit(_everywhere("Epsilon")),
            "captum EpsilonRule": Competitor("captum", _captum, _captum_refusal),
        },
        "alpha2_beta1": {"zennit AlphaBeta": zennit(_everywhere("AlphaBeta"))},
    }
)


def _import(name: str) -> Any:
    with _installed():
        return import_module(name)


@contextmanager
def _installed() -> Iterator[None]:
    """What to do if a library is missing."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f'{error}; other libraries to compare with come with pip install -e ".[dev]"; competitors=false leaves '
            "them out"
        ) from error
