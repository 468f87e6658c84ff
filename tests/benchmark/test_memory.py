"""Memory of known allocations."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop import LRP
from relprop.benchmark import held_megabytes, peak_memory
from relprop.benchmark.memory import MEGABYTE

CPU = torch.device("cpu")
A = torch.zeros(1000)


def one_after_the_other() -> Tensor:
    x = A + 1
    y = x * 2
    del x
    return y * 3


def views_and_changes_in_place() -> Tensor:
    A.add_(0)
    x = A.reshape(10, 100).t().clone()
    return x.mul_(2)[:5].relu_()


def without_memory() -> Tensor:
    return torch.empty(10**6, device="meta").expand(2, -1)


def saved_for_the_backward_pass() -> Tensor:
    x = A.clone().requires_grad_()
    return x.exp().exp().exp()


def the_backward_pass() -> Tensor:
    x = A.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(x.exp().exp().exp(), x, A)
    return gradient


@pytest.mark.parametrize(
    ("call", "tensors"),
    [
        (one_after_the_other, 2),
        (views_and_changes_in_place, 1),
        (without_memory, 0),
        (saved_for_the_backward_pass, 4),
        (the_backward_pass, 6),  # those saved, and the gradients of two layers
    ],
)
def test_peak_memory_of_known_allocations(call: Any, tensors: int) -> None:
    assert peak_memory(call, CPU) == tensors * A.nbytes


def test_held_memory_counts_what_is_not_the_models() -> None:
    model = nn.Sequential(nn.Linear(100, 100, bias=False))
    weight = model[0].weight
    holder = SimpleNamespace(tensors={"two of one": [A, A[:5]], "the model's": (weight.t(),)}, model=model)
    holder.itself = holder
    assert held_megabytes(holder, model) == A.nbytes / MEGABYTE
    single, double = (LRP(model, "epsilon", dtype=dtype) for dtype in ("float32", "float64"))
    assert held_megabytes(single, model) * MEGABYTE < weight.nbytes
    assert held_megabytes(double, model) * MEGABYTE >= 2 * weight.nbytes
