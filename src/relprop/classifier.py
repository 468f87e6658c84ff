"""The caller's classifier, made ready for many forwards: batch norm folded, channels last, in a type of its choice."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32, fingerprint, hooked_modules
from relprop.registry import choose

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
)
_AGREES = 1e-3  # largest relative difference of logits, folded and not, that rounding explains


class Classifier:
    """Logits of `model` for many images, from a folded copy where that gives the same.

    A network that cannot be traced, has hooks, or answers otherwise once folded (it calls one layer twice, say) runs as
    it is; `form` says which it was. The copy is made at the first forward, and anew when a weight or the hooks have
    changed.
    """

    def __init__(self, model: nn.Module, dtype: str = "float32") -> None:
        self.model, self.dtype, self.dtype_name = model, choose("dtype", dtype, DTYPES), dtype
        self.form = ""
        self._ready: nn.Module = model
        self._prepared_for: Any = None

    def prepare(self, images: Tensor) -> None:
        """Be ready for images of this size (N, C, H, W): copy and original are compared on noise, always the same."""
        state = (fingerprint(self.model), hooked_modules(self.model), images.device)
        if state == self._prepared_for:
            return
        noise = torch.randn((1, *images.shape[1:]), generator=torch.Generator().manual_seed(0))
        folded = self._folded(noise.to(images))
        self.form = "as given" if folded is None else "batch norm folded, channels last"
        if folded is None:
            folded = self.model if self.dtype == torch.float32 else copy.deepcopy(self.model).eval()
        self._ready = folded if folded is self.model else folded.to(self.dtype)
        self._prepared_for = state

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, classes), float32, of normalised images (N, C, H, W)."""
        if self._ready is not self.model:
            images = images.to(self.dtype, memory_format=torch.channels_last)
        logits: Tensor = self._ready(images)
        if logits.dim() != 2:
            raise UserError(f"the model must return logits (N, classes), not {tuple(logits.shape)}")
        return logits.float()

    def _folded(self, image: Tensor) -> nn.Module | None:
        """A folded copy that gives the same logits for `image` (1, C, H, W); None if there is none."""
        if hooked_modules(self.model) or any(module._forward_pre_hooks for module in self.model.modules()):
            return None
        try:
            folded = fuse(copy.deepcopy(self.model).eval())
        except Exception:  # what tracing and copying raise depends on the network's own code
            return None
        folded = folded.eval().to(memory_format=torch.channels_last)
        with torch.no_grad(), evaluation_mode(self.model), exact_float32(image.device):
            expected, result = self.model(image), folded(image.contiguous(memory_format=torch.channels_last))
        agrees = (expected - result).abs().max() <= _AGREES * expected.abs().max().clamp(min=1e-6)
        return folded if agrees else None
