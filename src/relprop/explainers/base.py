"""What every explanation method is: images and classes in, one value per pixel and channel out."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32, hooked_modules, without_hooks
from relprop.lrp.start import check_classes, class_indices

MAX_BATCH = 32
_AGREES = 1e-4  # largest difference of logits, as a share of the largest, that rounding explains


class Explainer(ABC):
    """An explanation method for one model: a subclass, its name in `EXPLAINERS`, and a yaml in conf/method.

    - `model`: gives logits (N, classes) for normalised images (N, C, H, W); it is left as it was found.
    - `max_batch`: how many pictures go through the model at once, whatever the batch; the attribution is the same.
    - `positive`: set what speaks against the class, all values below zero, to zero.
    """

    channels: ClassVar[Literal["own", "shared"]] = "own"
    """"own": every channel has values of its own. "shared": the method knows pixels only, and gives every channel an
    equal share of a pixel's value, so that their sum is the method's map."""

    ignores_target: ClassVar[bool] = False
    """Whether the map is the same for every class."""

    ignores_hooks: ClassVar[bool] = False
    """Whether the method reads the network's steps, without the caller's forward hooks, instead of running it. Hooks
    that only look on are welcome all the same; those that change the logits are refused."""

    def __init__(self, model: nn.Module, max_batch: int = MAX_BATCH, positive: bool = False) -> None:
        if max_batch < 1:
            raise UserError(f"max_batch={max_batch} is not valid; it takes a whole number of at least 1")
        self.model, self.max_batch, self.positive = model, max_batch, positive

    def __call__(self, images: Tensor, target: Tensor | int | None = None, indices: Tensor | None = None) -> Tensor:
        """Attribution (N, C, H, W) of normalised images (N, C, H, W).

        `target`: None for the predicted class, a class for all images, or one for each (N,). `indices` (N,) are the
        images' positions in their data set, for the methods that look something up by them. Raises `UserError` for
        images that are no finite float batch, for classes that the model does not have, for hooks that the method would
        ignore, and for weights made in inference mode if it takes gradients.
        """
        check_batch(images)
        with torch.inference_mode(False), evaluation_mode(self.model), exact_float32(images.device):
            own = images.detach().clone() if images.is_inference() else images.detach()
            classes = self._predicted(own) if target is None else class_indices(target, own).clone()
            chunks = zip(torch.split(own, self.max_batch), torch.split(classes, self.max_batch), strict=True)
            attribution = torch.cat([self._explained(*chunk) for chunk in chunks])
        return attribution.clamp(min=0) if self.positive else attribution

    def with_logits(
        self, images: Tensor, target: Tensor | int | None = None, indices: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attribution, as of a call, and the model's logits (N, classes), from which the predicted classes are.

        It costs a forward pass of its own, unless the method has the logits anyway.
        """
        check_batch(images)
        with torch.no_grad(), evaluation_mode(self.model), exact_float32(images.device):
            logits = torch.cat([self.model(chunk) for chunk in torch.split(images, self.max_batch)])
        return self(images, logits.argmax(1) if target is None else target, indices), logits

    @abstractmethod
    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Attribution (n, C, H, W) of up to `max_batch` images for the classes (n,); the model is in evaluation mode.

        Neither `images` nor `target` may be written to. Grad mode is the caller's: say which one is needed.
        """

    def _explained(self, images: Tensor, target: Tensor) -> Tensor:
        if self.ignores_hooks:
            check_hooks(self.model, images)
        try:
            return self.explain(images, target)
        except RuntimeError as error:
            if not any(tensor.is_inference() for tensor in (*self.model.parameters(), *self.model.buffers())):
                raise
            raise UserError(
                f"{type(self).__name__} takes gradients, and the weights were made in torch.inference_mode(), where "
                "torch allows none; make the network outside of it, or give a copy made there: copy.deepcopy(model)"
            ) from error

    def _predicted(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([self.model(chunk).argmax(1) for chunk in torch.split(images, self.max_batch)])


def check_batch(images: Tensor) -> None:
    """Refuse what is not a finite floating-point batch (N, C, H, W) of at least one image."""
    if not isinstance(images, Tensor) or images.dim() != 4 or not images.is_floating_point():
        given = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise UserError(f"images must be a floating-point tensor (N, C, H, W), not {given}")
    if len(images) == 0:
        raise UserError("images is an empty batch; give at least one image")
    if not images.isfinite().all():
        bad = (~images.flatten(1).isfinite().all(1)).nonzero().flatten().tolist()
        raise UserError(f"images {bad} contain NaN or infinite pixels")


def check_hooks(model: nn.Module, images: Tensor) -> None:
    """Raise `UserError` if forward hooks or pre-hooks of the caller's change the logits of these images (N, C, H, W).

    It costs two forwards where there are hooks, and nothing where there are none. The model is in evaluation mode.
    """
    names = hooked_modules(model)
    if not names:
        return
    with torch.no_grad():
        hooked: Tensor = model(images)
        with without_hooks(model):
            plain: Tensor = model(images)
    difference = (hooked - plain).abs().max() if hooked.shape == plain.shape else plain.new_tensor(torch.inf)
    if not difference <= _AGREES * plain.abs().max():
        where = ", ".join({"": type(model).__name__, "*": "every module"}.get(name, name) for name in names)
        raise UserError(
            f"forward hooks change the logits by up to {difference.item():.3g}, and this method explains the network "
            f"without them; the hooks are those of: {where}. Remove them, make what they do a part of the network, or "
            "take a method that runs the network as it is, as method=integrated_gradients"
        )


def at_target(outputs: Tensor, target: Tensor) -> Tensor:
    """Of outputs (N, classes), logits or probabilities, those of the classes (N,): (N,)."""
    if outputs.dim() != 2:
        raise UserError(f"the model must return logits (N, classes), not {tuple(outputs.shape)}")
    check_classes(target, outputs.shape[1])
    return outputs.gather(1, target.unsqueeze(1)).squeeze(1)


def shared_by_channels(maps: Tensor, channels: int) -> Tensor:
    """Maps (N, H, W) as attribution (N, C, H, W): every channel gets an equal share."""
    return (maps / channels).unsqueeze(1).repeat(1, channels, 1, 1)
