"""Every kind of linear layer, every proportional rule, and a network in which all of them explain the same layer."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from relprop.lrp import BIASES, LRP, AuditRow, Composite, Named, rules
from relprop.lrp.gradients import Transposed
from relprop.lrp.graph import Kind
from relprop.lrp.operations import MODULES, Mean, Sum
from relprop.lrp.rules import ProportionalRule

Shape = tuple[int, ...]
EPS = 1e-2  # large enough to be seen
CLASSES = 3

WEIGHTED: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "conv1d": (lambda: nn.Conv1d(6, 4, 3, padding=1), (6, 8)),
    "conv1d strided": (lambda: nn.Conv1d(3, 4, 3, stride=2, bias=False), (3, 8)),
    "conv1d same, even and dilated": (lambda: nn.Conv1d(2, 3, 4, padding="same", dilation=3), (2, 9)),
    "conv1d circular": (lambda: nn.Conv1d(2, 3, 4, padding=2, padding_mode="circular"), (2, 7)),
    "conv": (lambda: nn.Conv2d(6, 4, 3, padding=1), (6, 4, 3)),
    "strided": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), (3, 7, 6)),
    "dilated": (lambda: nn.Conv2d(2, 3, 3, dilation=2), (2, 7, 6)),
    "uneven": (lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2)), (2, 6, 5)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, padding=1), (4, 4, 3)),
    "depthwise": (lambda: nn.Conv2d(3, 6, 3, groups=3, padding=2), (3, 4, 3)),
    "same, odd": (lambda: nn.Conv2d(2, 3, (3, 5), padding="same"), (2, 5, 4)),
    "same, even": (lambda: nn.Conv2d(2, 3, (2, 4), padding="same"), (2, 5, 4)),
    "valid": (lambda: nn.Conv2d(2, 3, 2, padding="valid"), (2, 5, 4)),
    "reflect": (lambda: nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 5, 4)),
    "reflect, same, even": (lambda: nn.Conv2d(2, 3, 4, padding="same", padding_mode="reflect"), (2, 5, 4)),
    "replicate": (lambda: nn.Conv2d(5, 3, 3, stride=2, padding=(2, 1), padding_mode="replicate"), (5, 4, 3)),
    "circular": (lambda: nn.Conv2d(4, 4, 3, groups=2, padding=1, padding_mode="circular"), (4, 4, 3)),
    "beyond the image": (lambda: nn.Conv2d(2, 3, 1, padding=1), (2, 4, 3)),  # some neurons have no input
    "conv3d": (lambda: nn.Conv3d(5, 2, 3, stride=2, padding=1), (5, 3, 3, 2)),
    "conv3d same, even": (lambda: nn.Conv3d(2, 2, 2, padding="same"), (2, 3, 3, 2)),
    "conv3d replicate": (lambda: nn.Conv3d(1, 2, 3, padding=1, padding_mode="replicate"), (1, 3, 3, 2)),
    "transposed1d": (lambda: nn.ConvTranspose1d(3, 4, 3, stride=2, padding=1, output_padding=1), (3, 5)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 2, dilation=2, bias=False), (2, 4, 3)),
    "transposed, grouped": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=(1, 0), groups=2),
        (4, 3, 2),
    ),
    "transposed, with gaps": (lambda: nn.ConvTranspose2d(2, 2, 2, stride=3), (2, 3, 2)),  # neurons without input
    "transposed3d": (lambda: nn.ConvTranspose3d(2, 2, 2, stride=2, padding=1, output_padding=1), (2, 3, 2, 2)),
    "linear": (lambda: nn.Linear(6, 5), (6,)),
    "linear without bias": (lambda: nn.Linear(6, 5, bias=False), (6,)),
    "linear on a sequence": (lambda: nn.Linear(4, 5), (3, 4)),
}
POOLED: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "average1d": (lambda: nn.AvgPool1d(3, 2, padding=1), (3, 8)),
    "average": (lambda: nn.AvgPool2d(2), (3, 7, 6)),
    "overlapping, padded": (lambda: nn.AvgPool2d(3, 2, padding=1), (3, 7, 6)),
    "rounded up": (lambda: nn.AvgPool2d(2, ceil_mode=True), (2, 5, 6)),
    "padding not counted": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 6, 6)),
    "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), (2, 4, 4)),
    "average3d": (lambda: nn.AvgPool3d(2, padding=1, ceil_mode=True), (2, 3, 4, 3)),
    "adaptive1d": (lambda: nn.AdaptiveAvgPool1d(4), (2, 7)),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((3, 2)), (2, 7, 5)),
    "adaptive, upwards": (lambda: nn.AdaptiveAvgPool2d((7, 6)), (2, 5, 4)),
    "adaptive3d": (lambda: nn.AdaptiveAvgPool3d(2), (2, 3, 4, 3)),
    "mean": (lambda: Mean((2, 3), False), (3, 5, 4)),
    "mean over channels": (lambda: Mean((1,), True), (3, 5, 4)),
    "sum": (lambda: Sum((-1, -2), True), (3, 5, 4)),
    "nearest": (lambda: nn.Upsample(scale_factor=2), (2, 3, 4)),
    "nearest, to a size": (lambda: nn.Upsample(size=(5, 7)), (2, 3, 4)),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 4)),
    "bilinear, corners aligned": (
        lambda: nn.Upsample(size=(5, 6), mode="bilinear", align_corners=True),
        (2, 3, 4),
    ),
}
LAYERS = {**WEIGHTED, **POOLED}
OPTIONS: dict[type, tuple[dict[str, Any], ...]] = {
    rules.Epsilon: ({}, {"signed": False}),
    rules.Gamma: ({}, {"gamma": 3.0}, {"gamma": 0.0}),
    rules.AlphaBeta: ({}, {"alpha": 1.0, "beta": 0.0}),
}


def proportional_rules() -> list[type[ProportionalRule]]:
    """Every rule that is a sum of proportional parts, found in the module of the rules."""
    found = [rule for rule in vars(rules).values() if isinstance(rule, type) and issubclass(rule, ProportionalRule)]
    return [rule for rule in found if rule.__module__ == rules.__name__]


def variants(kind: Kind) -> list[Any]:
    """The rules for steps of this kind, with all their ways to treat a bias and some other options."""
    found = []
    for rule in proportional_rules():
        names = {field.name for field in fields(rule)}
        biases = [{"bias": bias} for bias in BIASES] if "bias" in names else [{}]
        eps = {"eps": EPS} if "eps" in names else {}
        if kind in rule.kinds:
            found += [rule(**eps, **bias, **more) for bias, more in product(biases, OPTIONS.get(rule, ({},)))]
    return found


class SideBySide(nn.Module):
    """One layer called again and again, each time behind an Identity or a ReLU; then signed weights to the classes."""

    def __init__(self, layer: nn.Module, shape: Shape, count: int, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.before = nn.ModuleList(nn.ReLU() if i % 2 else nn.Identity() for i in range(count))
        self.after = nn.Sequential(layer) if norm is None else nn.Sequential(layer, norm)
        self.head = nn.Linear(count * layer(torch.zeros(1, *shape)).numel(), CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cat([self.after(before(x)) for before in self.before], 1).flatten(1))


@dataclass
class Explained:
    """Relevance (images, …) of a layer's outputs and of its inputs by a rule."""

    rule: Any
    relu: bool
    outputs: Tensor
    inputs: Tensor


class Bench:
    """Explains a layer by all rules that there are for it, without and with a ReLU before.

    `box` are a mean and a standard deviation for every channel. The relevance that comes down is signed.
    """

    def __init__(self, layer: nn.Module, shape: Shape, norm: nn.Module | None = None, bn: str = "pass") -> None:
        torch.manual_seed(0)
        self.rules = [rule for rule in variants(MODULES[type(layer)]) for _ in range(2)]
        self.layer, self.shape = layer, shape
        self.model = SideBySide(layer, shape, len(self.rules), norm).double().eval()
        self.box = torch.rand(shape[0]).tolist(), (torch.rand(shape[0]) + 0.5).tolist()
        self.names = ["after.0", *(f"after.0:{i + 1}" for i in range(1, len(self.rules)))]
        pairs = [(_is_called(name), rule) for name, rule in zip(self.names, self.rules, strict=True)]
        composite = Composite("", ((Named("head"), Transposed()), *pairs), start="one")
        self.engine = LRP(self.model, composite, dtype="float64", mean=self.box[0], std=self.box[1], bn=bn)

    def draw(self, seed: int) -> Tensor:
        """Other weights for the layer, and images: signed ones for even seeds, nonnegative ones for odd seeds."""
        torch.manual_seed(seed)
        if hasattr(self.layer, "reset_parameters"):
            self.layer.reset_parameters()
        images = torch.randn(2, *self.shape, dtype=torch.float64)
        return images.abs() if seed % 2 else images

    def explain(self, images: Tensor) -> list[Explained]:
        """By every rule, first without a ReLU, then with one; every image for another class."""
        trace = self.engine.trace(images, torch.arange(len(images)))
        calls = enumerate(zip(self.rules, self.names, strict=True))
        return [Explained(r, bool(i % 2), trace[name], trace[f"before.{i}"]) for i, (r, name) in calls]

    def audit(self, images: Tensor) -> list[AuditRow]:
        """Every rule's row of the audit of the same explanations."""
        rows = {row.step: row for row in self.engine.audit(images, torch.arange(len(images))).rows}
        return [rows[name] for name in self.names]


def _is_called(name: str) -> Callable[[Any, Any], bool]:
    return lambda graph, step: step.name == name


@cache
def bench(name: str) -> Bench:
    """The bench of one of the `LAYERS`."""
    build, shape = LAYERS[name]
    return Bench(build(), shape)
