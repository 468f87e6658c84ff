"""The layer that class activation maps look at: given by name or found, and run so that its gradient can be taken."""

from difflib import get_close_matches

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import dropout, pooling

from relprop.errors import UserError
from relprop.inference import evaluation_mode

POOLINGS = (
    pooling._MaxPoolNd,
    pooling._AvgPoolNd,
    pooling._LPPoolNd,
    pooling._AdaptiveAvgPoolNd,
    pooling._AdaptiveMaxPoolNd,
    pooling.FractionalMaxPool2d,
)
RESHAPES = (nn.Flatten, nn.Unflatten, nn.Identity, dropout._DropoutNd)
NAMES_SHOWN = 8


class CamLayer:
    """One layer of `model`: that with the dotted name `layer`, or by None the one that `find_layer` finds.

    It is found once for each size of images. Raises `UserError` for a name that the model does not have.
    """

    def __init__(self, model: nn.Module, layer: str | None = None) -> None:
        self.model = model
        self.layer = None if layer is None else _checked_name(model, str(layer))  # a config reads "3" as a number
        self._found: dict[torch.Size, str] = {}

    def name(self, images: Tensor) -> str:
        """Dotted name of the layer for images (N, C, H, W)."""
        if self.layer is not None:
            return self.layer
        size = images.shape[1:]
        if size not in self._found:
            self._found[size] = find_layer(self.model, images)
        return self._found[size]

    def run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the model returns for images (N, C, H, W), and the layer's activations (N, K, h, w).

        The graph starts at the activations, so that `torch.autograd.grad(logit, activations)` costs only the layers
        behind them. Of a layer that is called several times they are those of the last call. Raises `UserError` if the
        layer is not called or gives no maps.
        """
        name = self.name(images)
        activations: list[Tensor] = []

        def start_graph(module: nn.Module, inputs: object, output: object) -> Tensor:
            maps = _maps(name, output)
            leaf = maps.detach().clone().requires_grad_()
            activations[:] = [leaf]
            torch.set_grad_enabled(True)
            # A copy, since in-place ReLUs may write to it; into what the module wrote to itself, which others may hold.
            return maps.copy_(leaf) if getattr(module, "inplace", False) and not maps._is_view() else leaf.clone()

        handle = self.model.get_submodule(name).register_forward_hook(start_graph)
        try:
            with torch.no_grad():  # until the hook; what was before comes back at the end
                outputs = self.model(images)
        finally:
            handle.remove()
        if not activations:
            raise UserError(f"layer={name} is not called by {type(self.model).__name__}; give another layer=NAME")
        return outputs, activations[0]


def find_layer(model: nn.Module, images: Tensor) -> str:
    """Dotted name of the last spatial layer before the pooling to a vector, for images (N, C, H, W).

    The last module to return maps (1, K, h, w) of more than one position for the first image, but for poolings,
    dropout and layers that only reshape or pass on, and for containers that end in a pooling. Of a container and its
    last layer, which return the same, it is the container: `layer4` of a ResNet, whose ReLUs are called twice. In
    networks that average one map for each class, as SqueezeNet and DarkNet-19 do, it gives these maps: Grad-CAM at
    this layer is the map of the class itself, CAM (Zhou et al. 2016).
    Raises `UserError` if there is no such layer.
    """
    found: str | None = None
    pooled: Tensor | None = None

    def ends_in_pooling(module: nn.Module, output: Tensor) -> bool:
        return output is pooled and next(module.children(), None) is not None

    def look(name: str, module: nn.Module, output: object) -> None:
        nonlocal found, pooled
        if not isinstance(output, Tensor) or output.dim() not in (3, 4):
            return
        if output.dim() == 3:  # tokens: transformers mix the positions of all maps before
            found = None
        elif isinstance(module, POOLINGS):
            pooled = output
        elif not isinstance(module, RESHAPES) and output.shape[2:].numel() > 1 and not ends_in_pooling(module, output):
            found, pooled = name, None

    # Not the model itself, which has no name.
    modules = [(name, module) for name, module in model.named_modules() if name]
    hooks = [m.register_forward_hook(lambda m, _, output, name=name: look(name, m, output)) for name, m in modules]
    try:
        with torch.no_grad(), evaluation_mode(model):
            model(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if found is None:
        raise UserError(
            f"no layer of {type(model).__name__} gives maps (N, K, h, w) before a pooling, from images "
            f"{tuple(images.shape)}; name a layer that gives maps, layer=NAME, or take a method that needs none"
        )
    return found


def upsample(maps: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Maps (N, h, w) at the size (H, W) of the image, bilinear between the centres of their cells: (N, H, W)."""
    return F.interpolate(maps.unsqueeze(1), tuple(size), mode="bilinear", align_corners=False).squeeze(1)


def _maps(name: str, output: object) -> Tensor:
    if not isinstance(output, Tensor) or output.dim() != 4 or not output.is_floating_point():
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"layer={name} gives {given}, not maps (N, K, h, w); name a convolution or block")
    return output


def _checked_name(model: nn.Module, layer: str) -> str:
    names = [name for name, _ in model.named_modules(remove_duplicate=False) if name]
    if layer in names:
        return layer
    close = get_close_matches(layer, names, n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else "."
    last = ", ".join(names[-NAMES_SHOWN:]) or "none"
    raise UserError(
        f"layer={layer} is no module of {type(model).__name__}{meant} It takes a name of model.named_modules(); the "
        f"last ones: {last}"
    )
