"""Every explanation method behind one call: `get_explainer(name, model)(images, target)`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from relprop.explainers.attention_branch import AttentionBranch
from relprop.explainers.base import Explainer
from relprop.explainers.captum_lrp import CaptumLRP
from relprop.explainers.center import Center
from relprop.explainers.deconvnet import Deconvnet
from relprop.explainers.deeplift import DeepLIFT
from relprop.explainers.file import File
from relprop.explainers.gradcam import GradCAM
from relprop.explainers.gradcam_plus_plus import GradCAMPlusPlus
from relprop.explainers.gradient import Gradient, GradientXInput
from relprop.explainers.guided_backprop import GuidedBackprop
from relprop.explainers.guided_gradcam import GuidedGradCAM
from relprop.explainers.integrated_gradients import IntegratedGradients
from relprop.explainers.layercam import LayerCAM
from relprop.explainers.lime import Lime
from relprop.explainers.lrp import LRPExplainer
from relprop.explainers.occlusion import Occlusion
from relprop.explainers.random import Random
from relprop.explainers.rise import RISE
from relprop.explainers.scorecam import ScoreCAM
from relprop.explainers.smoothgrad import SmoothGrad
from relprop.explainers.sobel import Sobel
from relprop.explainers.vargrad import VarGrad
from relprop.registry import create

__all__ = ["EXPLAINERS", "Explainer", "get_explainer", "list_explainers"]

EXPLAINERS: Mapping[str, type[Explainer]] = MappingProxyType(
    {
        "lrp": LRPExplainer,
        "gradient": Gradient,
        "grad_x_input": GradientXInput,
        "integrated_gradients": IntegratedGradients,
        "smoothgrad": SmoothGrad,
        "vargrad": VarGrad,
        "guided_backprop": GuidedBackprop,
        "deconvnet": Deconvnet,
        "guided_gradcam": GuidedGradCAM,
        "deeplift": DeepLIFT,
        "captum_lrp": CaptumLRP,
        "occlusion": Occlusion,
        "lime": Lime,
        "gradcam": GradCAM,
        "gradcam++": GradCAMPlusPlus,
        "layercam": LayerCAM,
        "scorecam": ScoreCAM,
        "rise": RISE,
        "attention_branch": AttentionBranch,
        "file": File,
        "random": Random,
        "sobel": Sobel,
        "center": Center,
    }
)


def list_explainers() -> list[str]:
    """Names that `get_explainer` takes."""
    return list(EXPLAINERS)


def get_explainer(name: str, model: nn.Module, **options: Any) -> Explainer:
    """The explanation method `name` for `model`; the options are those of its class.

    Raises `UserError`, a `ValueError`, for a name, an option or a value that it does not know.
    """
    return create("method", name, EXPLAINERS, model, **options)
