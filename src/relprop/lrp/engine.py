"""LRP: run the steps of a network forward once, walk them back once."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32, fingerprint, recompute_weights
from relprop.lrp.audit import Audit
from relprop.lrp.checks import check_images, pixel_box
from relprop.lrp.compiling import Compiler
from relprop.lrp.composites import Composite
from relprop.lrp.forward import forward
from relprop.lrp.patterns import Patterns
from relprop.lrp.plan import make_plan
from relprop.lrp.presets import COMPOSITES
from relprop.lrp.products import GATES, Gate
from relprop.lrp.rule import BIASES
from relprop.lrp.splits import SPLITS, Split
from relprop.lrp.start import STARTS, check_classes, class_indices
from relprop.lrp.tracing import trace
from relprop.lrp.walk import Watcher, walk
from relprop.lrp.weights import Options, prepare
from relprop.registry import choose

DTYPES: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
FOLDS = {"pass": False, "fold": True}
FLOAT16_SCALE = 64.0  # keeps relevance off the smallest numbers of float16; relevance is linear in its start


class LRP:
    """Layer-wise relevance propagation through any network that torch.fx can trace.

    ```python
    engine = LRP(resnet50, composite="otsuki2024", skip="flows_skip")
    attribution = engine.attribute(images)  # (N, C, H, W)
    print(engine)  # step ← rule
    print(engine.audit(images))  # relevance in, out and absorbed at every step
    ```

    - `model`: gives logits (N, classes) for images (N, C, H, W), or (N, C, L), (N, C, D, H, W), (N, features). It is
      read, never changed; when its weights change or move to another device, the next call explains the new ones.
    - `composite`: which rule goes to which layer, a name of `list_composites()` or a `Composite`.
    - `skip`: how additions divide relevance between main branch and shortcut, a key of `SPLITS` or a `Split`; None
      leaves it to the composite.
    - `gate`: how products of a signal with a gate divide relevance, a key of `GATES` or a `Gate`: "signal" (all to the
      signal: Arras et al. 2017), "half" (through both: Arras et al. 2019) or "derivative"; None leaves it to the
      composite.
    - `start`: relevance at the output, a key of `STARTS`; None leaves it to the composite.
    - `relevance_filter`: share K of relevances kept before each weighted or pooling layer: the max(1, ⌊K·n⌋) largest
      of each image (Fischer 2021, Otsuki et al. 2024); 1.0 keeps all.
    - `bn`: "pass" (rules see the weights before batch norm, which passes relevance on: Otsuki et al. 2024) or "fold"
      (rules see the weights with batch norm folded in, as canonization does: Motzkus et al. 2022). A batch norm with no
      layer of its own before it passes relevance on either way.
    - `bias`: "absorb", "ignore" or "distribute" (see `relprop.lrp.rules`) in all rules that have a choice; None leaves
      it to the composite.
    - `mean`, `std`: the images' normalisation, one number per channel, for rules that need the range of the pixels.
    - `patterns`: for PatternNet and PatternAttribution, from `fit_patterns`.
    - `dtype`, `memory_format`: what the engine computes in, names of `DTYPES` and `MEMORY_FORMATS`.
    - `compile`: `attribute` runs as a program of torch.compile, made anew for every new shape of images; on a GPU as a
      CUDA graph.

    The engine computes without autograd and whatever autocast is active. Raises `UserError` for names and values that
    it does not know and `UnsupportedOperationError` for steps without a rule; both are `ValueError`s, and both come
    when the engine is built. Writes to weights that torch does not count, through `.data`, go unseen: build a new
    engine after them. Forward hooks of the caller's are no part of what it explains.
    """

    def __init__(
        self,
        model: nn.Module,
        composite: str | Composite = "zplus",
        skip: str | Split | None = None,
        gate: str | Gate | None = None,
        start: str | None = None,
        relevance_filter: float = 1.0,
        bn: str = "pass",
        bias: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        patterns: Patterns | None = None,
        dtype: str = "float32",
        memory_format: str = "channels_last",
        compile: bool = False,
    ) -> None:
        self.model = model
        chosen = composite if isinstance(composite, Composite) else choose("composite", composite, COMPOSITES)
        if bias is not None:
            choose("bias", bias, BIASES)
        self.composite = chosen if bias is None else chosen.with_bias(bias)
        skip = self.composite.skip if skip is None else skip
        self.split = skip if isinstance(skip, Split) else choose("skip", skip, SPLITS)
        gate = self.composite.gate if gate is None else gate
        self.gate = gate if isinstance(gate, Gate) else choose("gate", gate, GATES)
        self.start = choose("start", self.composite.start if start is None else start, STARTS)
        if not 0 < relevance_filter <= 1:
            raise UserError(f"relevance_filter={relevance_filter} must be above 0 and at most 1 (keep all)")
        self.relevance_filter = relevance_filter
        if patterns is not None and patterns.bn != bn:
            raise UserError(f"bn={bn}, but the patterns were fitted with bn={patterns.bn}; choose the same")
        self.options = Options(
            dtype=choose("dtype", dtype, DTYPES),
            memory_format=choose("memory_format", memory_format, MEMORY_FORMATS),
            folds=choose("bn", bn, FOLDS),
            box=pixel_box(mean, std),
            patterns=patterns,
        )
        self._scale = FLOAT16_SCALE if self.options.dtype == torch.float16 else 1.0
        self._compiler = Compiler() if compile else None
        self._modules: Any = None
        self._versions: Any = None
        with torch.inference_mode(False), torch.no_grad():
            self._current_weights()

    def attribute(self, images: Tensor, target: Tensor | int | None = None) -> Tensor:
        """Relevance of every pixel and channel, (N, C, H, W) in float32 (float64 if the engine computes in that).

        `images`: finite floats (N, C, H, W), normalised as in training, on the model's device. `target`: None for the
        predicted class, a class index for all images, or indices (N,).
        """
        return self.attribute_with_logits(images, target)[0]

    def attribute_with_logits(self, images: Tensor, target: Tensor | int | None = None) -> tuple[Tensor, Tensor]:
        """What `attribute` gives, and the logits (N, classes) that the same forward pass has given, in that dtype."""
        return self._propagate(images, target, Watcher(self._scale))

    def trace(self, images: Tensor, target: Tensor | int | None = None) -> dict[str, Tensor]:
        """Relevance of the output of every step, by the step's name, in the order in which the network runs.

        "input" is what `attribute` gives. Steps that get none (gates, a branch that the split cuts off) are left out.
        """
        watcher = Watcher(self._scale, record={})
        attribution, _ = self._propagate(images, target, watcher)
        return {"input": attribution, **dict(reversed((watcher.record or {}).items()))}

    def audit(self, images: Tensor, target: Tensor | int | None = None) -> Audit:
        """Per step: relevance in, relevance out, and what bias and stabilizer absorbed, summed over the batch."""
        watcher = Watcher(self._scale, rows=[])
        self._propagate(images, target, watcher)
        return Audit(tuple(watcher.rows or ()))

    def __repr__(self) -> str:
        width = max(len(step.name) for step in self.graph.steps)
        lines = [f"  {step.name:{width}} ← {self.plan.describe(step)}" for step in self.graph.steps]
        return "\n".join([f"LRP of {type(self.model).__name__}", *lines])

    def _propagate(self, images: Tensor, target: Tensor | int | None, watcher: Watcher) -> tuple[Tensor, Tensor]:
        """Relevance of the images, and the logits; `watcher` sees what happens on the way."""
        check_images(images, self.graph)
        with torch.inference_mode(False), torch.no_grad(), exact_float32(images.device):
            self._current_weights()
            batch = (images.clone() if images.is_inference() else images).to(self.options.dtype)
            if batch.dim() == 4:
                batch = batch.contiguous(memory_format=self.options.memory_format)
            classes = None if target is None else class_indices(target, images)
            if self._compiler is not None and not watcher.is_watching:
                attribution, logits = self._compiler(self._explain, batch, classes)
            else:
                attribution, logits = self._explain(batch, classes, watcher)
            return attribution.contiguous(), logits

    def _explain(
        self, batch: Tensor, target: Tensor | None, watcher: Watcher, checks: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Relevance of the images, and the logits. Without `checks`, no value of any tensor is looked at."""
        activations = forward(self.graph, self._weights.affines, self.plan.folded, batch, self.plan.keep)
        logits = activations.values[self.graph.output]
        if logits.dim() != 2:
            raise UserError(f"the network must return logits (N, classes), not {tuple(logits.shape)}")
        if target is not None and checks:
            check_classes(target, logits.shape[1])
        wide = (logits if logits.dtype == torch.float64 else logits.float()).clone()  # rules may use the memory again
        start = self.start(wide, wide.argmax(1) if target is None else target)
        relevance = (start * watcher.scale).to(batch.dtype)
        result = walk(self.plan, self._weights, activations, relevance, self.relevance_filter, watcher)
        attribution = result.to(wide.dtype) / watcher.scale
        return attribution * batch if self.composite.times_input else attribution, wide

    def _current_weights(self) -> None:
        """Be up to date with the network: read it anew if a module, prepare it anew if a weight was changed."""
        modules, versions = fingerprint(self.model)
        if modules != self._modules:
            self.graph = trace(self.model)
            self.plan = make_plan(self.graph, self.composite, self.split, self.gate, self.options.folds)
            self._modules, self._versions = modules, None
        if versions != self._versions:
            recompute_weights(self.model)
            with evaluation_mode(self.model):  # in training mode, a spectral norm would take a step when it is read
                self._weights = prepare(self.model, self.plan, self.options)
            self._versions = versions
            if self._compiler is not None:
                self._compiler.forget()
