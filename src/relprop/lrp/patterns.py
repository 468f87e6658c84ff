"""Fit the patterns of PatternNet and PatternAttribution: in one pass over the data, with sums only.

The pattern of an output y = wᵀx (without bias) is the direction of x that goes with it:

    p = (E[x y] − E[x] E[y]) / wᵀ(E[x y] − E[x] E[y])

over all x ("all"). For "positive", E[x y] and E[x] are taken over those x whose output, with bias, is ≥ 0, which a ReLU
lets through, and E[y] over all (Kindermans et al. 2018, "Learning how to explain neural networks", eq. 8 and 9). In a
convolution, x is every patch that the kernel meets, so that E[x y] is the gradient of the kernel with respect to y: no
patch is ever copied out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import exact_float32
from relprop.lrp.affines import Affine, layer_affine
from relprop.lrp.checks import check_images
from relprop.lrp.forward import forward
from relprop.lrp.graph import WEIGHTED, Kind
from relprop.lrp.maps import ConvMap, DenseMap, ScaleMap, batchnorm_affine
from relprop.lrp.tracing import trace
from relprop.registry import choose

KINDS = {"positive": True, "all": False}
BATCHNORMS = {"pass": False, "fold": True}


@dataclass(frozen=True)
class Patterns:
    """`values` holds a pattern of the shape of the weight for every conv and linear layer, by the step's name.

    `kind` and `bn` are how they were fitted; an engine with another `bn` refuses them.
    """

    values: Mapping[str, Tensor]
    kind: str
    bn: str

    def save(self, path: str | Path) -> None:
        """Write a safetensors file."""
        tensors = {name: value.contiguous() for name, value in self.values.items()}
        save_file(tensors, path, {"kind": self.kind, "bn": self.bn})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` has written. Raises `UserError` for any other file."""
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                names = file.keys()
                values = {name: file.get_tensor(name) for name in names}
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path} holds no patterns: {error}; make some with fit_patterns(…).save(…)") from error
        if set(about) != {"kind", "bn"}:
            raise UserError(f"{path} holds no patterns; make some with fit_patterns(model, loader).save(path)")
        return cls(values, about["kind"], about["bn"])


def fit_patterns(model: nn.Module, loader: Iterable[Any], kind: str = "positive", bn: str = "pass") -> Patterns:
    """Patterns of all conv and linear layers of `model`, in evaluation mode, from one pass over `loader`.

    `loader` gives batches of normalised images (N, C, …), or tuples whose first element that is. `bn` must be that of
    the engine that will use them: "fold" for outputs behind the batch norm. Memory does not grow with the data.
    """
    positive, folds = choose("kind", kind, KINDS), choose("bn", bn, BATCHNORMS)
    graph = trace(model)
    layers = {step.index: layer_affine(graph, step, folds) for step in graph.steps if step.kind in WEIGHTED}
    folded = frozenset(s.batchnorm for s in graph.steps if folds and s.batchnorm is not None)
    lone = [s for s in graph.steps if s.kind is Kind.BATCHNORM and s.index not in folded]
    norms = {s.index: Affine(ScaleMap(), *batchnorm_affine(s.module)) for s in lone}
    sums = {index: _Sums(layer, positive) for index, layer in layers.items()}
    dtype = next(iter(layers.values())).weight.dtype
    keep = frozenset(source for index in layers for source in graph.steps[index].inputs)
    with torch.no_grad():
        for batch in loader:
            images = batch if isinstance(batch, Tensor) else batch[0]
            check_images(images, graph)
            with exact_float32(images.device):
                activations = forward(graph, {**layers, **norms}, folded, images.to(dtype), keep)
                for index, layer_sums in sums.items():
                    layer_sums.add(activations.of(graph.steps[index].inputs[0]))
    if not next(iter(sums.values())).seen.any():
        raise UserError("the loader gave no images to fit patterns on")
    return Patterns({graph.steps[index].name: s.pattern() for index, s in sums.items()}, kind, bn)


class _Sums:
    """Running sums of one layer, in double precision, for every output: of y, and of 1, x, x y where x counts."""

    def __init__(self, layer: Affine, positive: bool) -> None:
        self.map, self.weight, self.bias, self.positive = layer.map, layer.weight, layer.bias, positive
        zeros = layer.weight.new_zeros(layer.map.outputs(layer.weight), dtype=torch.float64)
        self.seen, self.count, self.y = zeros, zeros.clone(), zeros.clone()
        self.x, self.xy = (torch.zeros_like(layer.weight, dtype=torch.float64) for _ in range(2))

    def add(self, a: Tensor) -> None:
        """Take in the inputs `a` of a batch."""
        assert isinstance(self.map, ConvMap | DenseMap)
        y = self.map(a, self.weight)
        counts = torch.ones_like(y)
        self.seen += self._total(counts)
        self.y += self._total(y)
        if self.positive:
            counts = (y if self.bias is None else y + self.map.broadcast(self.bias, y)).ge(0).to(y.dtype)
        self.count += self._total(counts)
        self.x += self.map.weight_gradient(a, counts, self.weight)
        self.xy += self.map.weight_gradient(a, y * counts, self.weight)

    def pattern(self) -> Tensor:
        """p = cov(x, y) / wᵀ cov(x, y), zero where an output was never seen or never varied."""
        n = self._per_output(self.count.clamp(min=1))
        covariance = self.xy / n - self.x / n * self._per_output(self.y / self.seen)
        weight = self.weight.double()
        scale = self._sum_inputs(weight * covariance)
        varied = scale.abs() > 1e-6 * self._sum_inputs((weight * self.xy / n).abs())  # float32 knows no less
        return torch.where(varied, covariance / torch.where(varied, scale, 1), 0).float()

    def _total(self, value: Tensor) -> Tensor:
        dim = 1 if isinstance(self.map, ConvMap) else value.dim() - 1
        return value.double().sum([d for d in range(value.dim()) if d != dim])

    def _grouped(self) -> tuple[int, ...] | None:
        """For transposed convolutions, whose weights are (in, out / groups, …): groups."""
        module = self.map.module if isinstance(self.map, ConvMap) else None
        return (module.groups,) if module is not None and module.transposed else None

    def _per_output(self, value: Tensor) -> Tensor:
        """`value` (out,) in a shape that goes with the weights."""
        rest = [1] * (self.weight.dim() - 2)
        groups = self._grouped()
        if groups is None:
            return value.reshape(-1, 1, *rest)
        inputs = self.weight.shape[0] // groups[0]
        return value.reshape(groups[0], 1, -1, *rest).expand(-1, inputs, *[-1] * (len(rest) + 1)).flatten(0, 1)

    def _sum_inputs(self, value: Tensor) -> Tensor:
        """The sum over all weights of an output, in a shape that goes with the weights."""
        groups = self._grouped()
        if groups is None:
            return value.flatten(1).sum(1).reshape(-1, *[1] * (value.dim() - 1))
        parts = value.reshape(groups[0], -1, *value.shape[1:])
        return self._per_output(parts.sum([1, *range(3, parts.dim())]).flatten())
