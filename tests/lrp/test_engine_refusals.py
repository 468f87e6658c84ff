"""Options and input that the engine refuses, each with what was given and what is accepted."""

import pytest
import torch
from torch import Tensor, nn

from relprop import LRP
from tests.networks import Functional


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Functional().eval()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"composite": "nope"}, "composite=nope is unknown; choose one of: otsuki2024, fischer2021, zplus"),
        ({"skip": "nope"}, "skip=nope is unknown; choose one of: latest, simple, flows_skip, flows_skip_simple"),
        ({"start": "nope"}, "start=nope is unknown; choose one of: probability, softmax, logit, one"),
        ({"bn": "nope"}, "bn=nope is unknown; choose one of: pass, fold"),
        ({"relevance_filter": 0.0}, "relevance_filter=0.0 must be above 0 and at most 1"),
        ({"relevance_filter": 1.5}, "relevance_filter=1.5 must be above 0 and at most 1"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, object], message: str, model: nn.Module) -> None:
    with pytest.raises(ValueError, match=message):
        LRP(model, **options)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.zeros(3, 16, 16), r"floating-point tensor \(N, C, H, W\), not torch.float32 \(3, 16, 16\)"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "floating-point tensor"),
        (torch.zeros(0, 3, 16, 16), "empty batch"),
        (torch.full((2, 3, 16, 16), torch.nan), r"images \[0, 1\] contain NaN"),
    ],
)
def test_bad_images_are_refused(bad: Tensor, message: str, model: nn.Module) -> None:
    with pytest.raises(ValueError, match=message):
        LRP(model).attribute(bad)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (10, r"must be in 0…9, not \[10, 10, 10\]"),
        (-1, "must be in 0…9"),
        (torch.tensor([0, 1]), "one class for each of the 3 images"),
        (torch.tensor([0.0, 1.0, 2.0]), "must be class indices"),
    ],
)
def test_bad_targets_are_refused(target: Tensor | int, message: str, model: nn.Module) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        LRP(model).attribute(torch.randn(3, 3, 16, 16), target)
