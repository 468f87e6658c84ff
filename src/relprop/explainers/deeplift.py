"""DeepLIFT (Shrikumar et al. 2017) by captum."""

import warnings
from collections.abc import Sequence

import torch
from captum.attr import DeepLift as CaptumDeepLift
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.explainers.baselines import Baseline
from relprop.explainers.separated import Graphs, Separated, unhooked
from relprop.lrp.graph import Kind

_NOTHING = 1e-10  # a difference from the baseline that counts as none; captum's default


class DeepLIFT(Explainer):
    """(x − x′) ⊙ m, m the multipliers from the baseline x′ by the Rescale rule (Shrikumar et al. 2017, §3.2, §3.5.2).

    A linear step multiplies by its weights, a nonlinear one y = f(t) by Δy / Δt, or by ∂y/∂t where Δt = 0. The sum of
    the attribution is the target's logit of the image minus that of the baseline, Σ m Δx = Δy (eq. 1 and 3).

    captum contributes the rule for activations: images and baselines go through the network as one batch, and hooks on
    modules put Δy / Δt in the place of their gradients. It looks at ReLU, ELU, LeakyReLU, sigmoid, tanh, softplus and
    softmax only, and refuses a module that is called twice, so it gets a `Separated` copy. Other activations, which it
    would treat by their plain gradient, are refused, and so is softmax, whose rule in captum mixes the images of a
    batch. Where captum does not meet the equation, the copy has modules whose gradient is the multiplier: `MaxPooling`
    and `Product`.

    `max_batch` counts the baselines too, so that half as many images go through at once; it is never less than one
    image and its baseline.
    """

    ignores_hooks = True

    def __init__(
        self,
        model: nn.Module,
        baseline: str = "mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        max_batch: int = MAX_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        self.baseline = Baseline(baseline, mean, std)
        self._graphs = Graphs(model)
        self._separated()

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Contributions (n, C, H, W), which sum to the difference of the logits."""
        at_once = max(1, self.max_batch // 2)
        chunks = zip(torch.split(images, at_once), torch.split(target, at_once), strict=True)
        return torch.cat([self._contributions(*chunk) for chunk in chunks])

    def _contributions(self, images: Tensor, target: Tensor) -> Tensor:
        inputs = images.clone().requires_grad_()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting forward, backward hooks")
            rescale = CaptumDeepLift(self._separated(), eps=_NOTHING)
            result: Tensor = rescale.attribute(inputs, self.baseline(images), additional_forward_args=target)
        return result.detach()

    def _separated(self) -> Separated:
        graph = self._graphs.current()
        for step in graph.steps:
            if step.kind is Kind.ACTIVATION and (
                type(step.module) not in SUPPORTED_NON_LINEAR or isinstance(step.module, nn.Softmax)
            ):
                known = sorted(known.__name__ for known in SUPPORTED_NON_LINEAR if known is not nn.Softmax)
                raise UserError(
                    f"{step.name}: DeepLIFT has no rule for {type(step.module).__name__}; it takes {', '.join(known)}"
                )
        instead = {Kind.MAXPOOL: lambda step: MaxPooling(step.module), Kind.PRODUCT: lambda _: Product()}
        return Separated(graph, instead)


class MaxPooling(nn.Module):
    """Max pooling of images and baselines (2N, C, …), whose gradient is DeepLIFT's multiplier.

    Of a window with the outputs y and y′, Δy comes from the place i of the larger of the two: it has m_i = Δy / Δx_i.
    The paper has no rule for max pooling; captum has this one, but where a pixel is the largest of several windows that
    overlap, it keeps the share of one of them, by which a SqueezeNet loses more than half of the difference; behind a
    ReLU it takes the plain gradient; and where Δx = 0 it takes that of the first image for the whole batch.
    """

    def __init__(self, pooling: nn.Module) -> None:
        super().__init__()
        own = unhooked(pooling)
        own.return_indices = True
        self.pooling = own.forward  # not the module, which captum would hook into

    def forward(self, x: Tensor) -> Tensor:
        """The maxima (2N, C, …) of x (2N, C, …), images before baselines."""
        maxima, places = self.pooling(x)
        y, y0 = maxima.detach().flatten(2).chunk(2)
        place, place0 = places.flatten(2).chunk(2)
        i = torch.where(y >= y0, place, place0).repeat(2, 1, 1)
        there = x.flatten(2).gather(2, i)
        delta = _difference(there.detach())
        m = torch.where(delta.abs() < _NOTHING, 1, (y - y0).repeat(2, 1, 1) / delta)
        return _with_gradient(maxima, (m * there).view_as(maxima))


class Product(nn.Module):
    """a ⊙ b of images and baselines (2N, …): Δ(ab) = Δa (b + b′)/2 + Δb (a + a′)/2.

    The paper has no rule for products, and a gradient does not sum to Δ(ab); these are the shares that do and treat
    both alike, the Shapley values of the two (Lundberg & Lee 2017).
    """

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The product (2N, …), images before baselines."""
        return _with_gradient(a * b, a * _middle(b.detach()) + b * _middle(a.detach()))


def _difference(x: Tensor) -> Tensor:
    """x − x′, once for the images and once for the baselines, (2N, …) of x (2N, …)."""
    image, baseline = x.chunk(2)
    return torch.cat(2 * [image - baseline])


def _middle(x: Tensor) -> Tensor:
    """(x + x′) / 2, in the same way."""
    image, baseline = x.chunk(2)
    return torch.cat(2 * [(image + baseline) / 2])


def _with_gradient(value: Tensor, line: Tensor) -> Tensor:
    """`value` to the last bit, with the gradient of `line`."""
    return value.detach() + (line - line.detach())
