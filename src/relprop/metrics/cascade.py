"""A network's layers from the output down, and a copy of the network that forgets them one after the other."""

import copy
from collections.abc import Iterator, Sequence
from itertools import count

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import without_hooks


def cascade(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the modules that have parameters or running statistics of their own, the last to run first.

    That is, in the order in which the way from the output down first meets them, when `images` (N, C, H, W) have passed
    through a copy. A module that is used without being called (a function takes its parameters) comes just before the
    one that is registered before it.
    """
    twin = _copy(model)
    layers = [name for name, module in twin.named_modules() if _own(module)]
    if not layers:
        raise UserError(f"{type(model).__name__} has no parameters that could be randomised; take a trained network")
    names = {module: name for name, module in twin.named_modules()}
    calls, clock = dict[str, int](), count()

    def note(module: nn.Module, _: tuple[Tensor, ...]) -> None:
        calls[names[module]] = next(clock)

    for module in names:
        module.register_forward_pre_hook(note)
    with torch.no_grad():
        twin(images)
    position, latest = {}, -1
    for number, name in enumerate(layers):
        latest = calls.get(name, latest)
        position[name] = latest, number
    return sorted(layers, key=lambda name: position[name], reverse=True)


def forget(model: nn.Module, layers: Sequence[str], seed: int) -> Iterator[nn.Module]:
    """A copy of `model` in evaluation mode, given again after each of `layers` that has forgotten what it had learned.

    A module draws its parameters with its own `reset_parameters`; where it has none, their values are shuffled. A batch
    norm's `reset_parameters` resets the running statistics, too, so that it becomes the identity: they belong to the
    weights that are gone. The draws depend on `seed` and the place in `layers` only, whatever the device, and leave the
    random state as it was.
    """
    twin = _copy(model)
    modules = dict(twin.named_modules())
    for number, name in enumerate(layers):
        with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + number)  # torch.manual_seed would seed the GPUs, too
            _draw(modules[name])
        yield twin


def _copy(model: nn.Module) -> nn.Module:
    """A copy without the caller's hooks, in evaluation mode."""
    with torch.inference_mode(False), torch.no_grad(), without_hooks(model):
        return copy.deepcopy(model).eval()


def _own(module: nn.Module) -> list[Tensor]:
    """Parameters and running statistics of the module itself, its children's left out."""
    statistics = (name for name, _ in module.named_buffers(recurse=False) if name.startswith("running_"))
    return [*module.parameters(recurse=False), *(module.get_buffer(name) for name in statistics)]


def _draw(module: nn.Module) -> None:
    device = _own(module)[0].device
    module.cpu()  # GPUs draw other numbers
    if callable(reset := getattr(module, "reset_parameters", None)):
        reset()
    else:
        for parameter in module.parameters(recurse=False):
            parameter.copy_(parameter.flatten()[torch.randperm(parameter.numel())].view_as(parameter))
    module.to(device)
