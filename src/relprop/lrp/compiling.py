"""Compile an explanation: record what it does to tensors of one shape, and let torch.compile make one program of it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from relprop.errors import UserError
from relprop.lrp.start import check_classes
from relprop.lrp.walk import Watcher

Explain = Callable[..., tuple[Tensor, Tensor]]


class Compiler:
    """Programs by the shapes of images and targets. A new shape is compiled when it comes, which takes a minute or so.

    On a GPU the program is a CUDA graph, so that a batch of one does not wait for launches.
    """

    def __init__(self) -> None:
        self._programs: dict[Any, tuple[Callable[..., Any], int]] = {}

    def forget(self) -> None:
        """Compile anew from now on: the weights, which are part of the programs, have changed."""
        self._programs.clear()

    def __call__(self, explain: Explain, batch: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
        """What `explain(batch, target)` gives. Raises `UserError` where torch.compile finds no compiler."""
        key = (batch.shape, batch.stride(), batch.dtype, batch.device, target is None)
        if key not in self._programs:
            # once as it is: checks the input, and what is remembered between calls stays out of the program
            classes = explain(batch, target, Watcher())[1].shape[1]
            steps = make_fx(lambda *inputs: explain(*inputs, Watcher(), checks=False))(batch, target)
            mode = "reduce-overhead" if batch.is_cuda else "default"
            self._programs[key] = torch.compile(steps, mode=mode), classes
        program, classes = self._programs[key]
        if target is not None:
            check_classes(target, classes)
        try:
            attribution, logits = program(batch, target)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            reason = str(error).partition(chr(10))[0]
            raise UserError(f"compile=True: {reason}; install a C++ compiler, or leave compile out") from error
        return attribution.clone(), logits.clone()  # a CUDA graph overwrites its outputs in the next call
