"""Sharpness-aware minimisation (Foret et al. 2021)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from relprop.errors import UserError


class SAM(torch.optim.SGD):
    """SGD along the gradient at the worst point within `rho` of the weights (Foret et al. 2021, algorithm 1).

        ε̂(w) = ρ ∇L(w) / ‖∇L(w)‖₂,   g = ∇L(w + ε̂(w)),   w ← SGD's step from w with g

    for equation 2 with p = 2; the norm is over all weights together. Weight decay, momentum and the other `options` are
    SGD's. A step takes the gradient twice, so `step` needs the closure that computes it. Both gradients are of the same
    draws (dropout). While the closure runs for the second time, `ascended` is true: a training step must then neither
    log nor count the batch again.
    """

    def __init__(self, params: Iterable[Any], lr: float, rho: float, **options: Any) -> None:
        if rho <= 0:
            raise UserError(f"optimizer.rho={rho} is not valid; it takes a number above 0 (Foret et al. take 0.05)")
        super().__init__(params, lr, **options)
        self.rho = rho
        self.ascended = False

    @torch.no_grad()
    def step(self, closure: Callable[[], float | Tensor] | None = None) -> float | Tensor:  # type: ignore[override]
        """Climb to w + ε̂, take the gradient there, come back and descend; the loss at w.

        Raises `UserError` without a closure, which the gradient scaler of trainer.precision=16-mixed does not give.
        """
        if closure is None:
            raise UserError("optimizer=sam takes every gradient twice, for which its step needs a closure")
        with torch.random.fork_rng(self._devices()):
            loss = _with_gradients(closure)
        weights = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.clone() for p in weights]
        gradients = [p.grad for p in weights if p.grad is not None]
        # the constant keeps a gradient of zero from being divided by zero
        scale = self.rho / (torch.nn.utils.get_total_norm(gradients) + 1e-12)
        torch._foreach_add_(weights, torch._foreach_mul(gradients, scale))
        self.ascended = True
        try:
            _with_gradients(closure)
        finally:
            self.ascended = False
            torch._foreach_copy_(weights, before)
        super().step()
        return loss

    def _devices(self) -> list[torch.device]:
        """Those of the weights that have a generator of their own beside the CPU's."""
        every = {p.device for group in self.param_groups for p in group["params"]}
        return [device for device in every if device.type != "cpu"]


def refuse_sam(trainer: L.Trainer) -> None:
    """Raise `UserError` for options of the trainer under which Lightning does not let SAM take its gradients twice."""
    if trainer.precision == "16-mixed":
        raise UserError(
            "optimizer=sam takes every gradient twice, which the gradient scaler of trainer.precision=16-mixed does "
            "not allow; take trainer.precision=bf16-mixed or 32-true"
        )
    if trainer.accumulate_grad_batches != 1:
        raise UserError(
            "optimizer=sam takes every gradient twice, which is not possible for one that is summed over batches; "
            f"leave trainer.accumulate_grad_batches={trainer.accumulate_grad_batches} out, or take another optimizer"
        )


@contextmanager
def statistics_kept(model: nn.Module) -> Iterator[None]:
    """Norms of `model` normalise by the batch as in training, but leave their running statistics as they are."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _with_gradients(closure: Callable[[], float | Tensor]) -> float | Tensor:
    with torch.enable_grad():
        return closure()
