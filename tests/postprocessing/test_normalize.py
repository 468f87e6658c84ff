"""The scale against captum and against its definition."""

import warnings

import numpy as np
import pytest
import torch
from captum.attr._utils.visualization import _normalize_attr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relprop.errors import UserError
from relprop.postprocessing import SIGNS
from relprop.postprocessing.normalize import Normalize
from tests.golden_files import tensors

CAPTUM = {"all": "all", "positive": "positive", "negative": "negative", "absolute": "absolute_value"}


def maps(kind: str) -> Tensor:
    """Float64: captum sums up in the dtype of the map."""
    generator = torch.Generator().manual_seed(0)
    kinds = {
        "random": lambda: torch.randn(3, 17, 23, generator=generator, dtype=torch.float64),
        "heavy_tails": lambda: torch.randn(3, 17, 23, generator=generator, dtype=torch.float64) ** 5 + 0.1,
        "relevance": lambda: tensors("torchlrp")["vgg.epsilon"].double().sum(1),
    }
    return kinds[kind]()


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("percentile", [0.5, 2.0, 10, 60.0])
@pytest.mark.parametrize("kind", ["random", "heavy_tails", "relevance"])
def test_equals_captum(kind: str, percentile: float, sign: str) -> None:
    heatmaps = maps(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of scales below 1e-5
        expected = [_normalize_attr(heatmap, CAPTUM[sign], percentile) for heatmap in heatmaps.numpy()]
    result = Normalize(sign, percentile)(heatmaps)
    np.testing.assert_array_equal(result.numpy(), np.stack(expected))
    low = -1 if sign == "all" else 0
    assert (result.amin((1, 2)) >= low).all() and (result.amax((1, 2)) == 1).any()


def literal_scale(magnitudes: list[int], percentile: int) -> int:
    """By definition, in whole numbers."""
    reaching = (
        value
        for value in sorted(magnitudes)
        if 100 * sum(m for m in magnitudes if m <= value) >= (100 - percentile) * sum(magnitudes)
    )
    return next(reaching)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=40), st.integers(0, 99))
def test_scale_is_the_smallest_up_to_which_enough_is_summed(values: list[int], percentile: int) -> None:
    scale = literal_scale([abs(value) for value in values], percentile)
    expected = [max(-1.0, min(1.0, value / scale)) if scale else 0.0 for value in values]
    result = Normalize("all", percentile)(torch.tensor([[values]], dtype=torch.float64))
    np.testing.assert_allclose(result.flatten().numpy(), expected, rtol=1e-15)


def test_percentile_zero_divides_by_the_largest() -> None:
    """Where captum finds no scale at all if rounding is against it."""
    heatmaps = torch.randn(50, 5, 5, generator=torch.Generator().manual_seed(0))
    peaks = heatmaps.abs().amax((1, 2), keepdim=True)
    assert torch.equal(Normalize(outlier_percentile=0)(heatmaps), heatmaps / peaks)


@pytest.mark.parametrize(("sign", "value"), [("all", 0.0), ("absolute", 0.0), ("positive", -2.0), ("negative", 2.0)])
def test_nothing_of_the_sign_is_zero_without_a_warning(sign: str, value: float) -> None:
    result = Normalize(sign)(torch.full((1, 4, 6), value))
    assert result.abs().max() == 0


def test_signs() -> None:
    heatmap = torch.tensor([[[4.0, -2.0, 1.0, -1.0, 0.0]]])
    expected = {
        "all": [1, -0.5, 0.25, -0.25, 0],
        "positive": [1, 0, 0.25, 0, 0],
        "negative": [0, 1, 0, 0.5, 0],
        "absolute": [1, 0.5, 0.25, 0.25, 0],
    }
    assert {sign: Normalize(sign, 0)(heatmap).flatten().tolist() for sign in SIGNS} == expected


@pytest.mark.parametrize("percentile", [-0.1, 100, 101.0, float("nan"), "2", True, None])
def test_percentile_is_from_0_to_below_100(percentile: object) -> None:
    message = (
        f"^postprocess.normalize.outlier_percentile={percentile} is not valid; it takes a number from 0 to below 100$"
    )
    with pytest.raises(UserError, match=message):
        Normalize(outlier_percentile=percentile)


def test_unknown_sign() -> None:
    message = "^postprocess.normalize.sign=up is unknown; choose one of: all, positive, negative, absolute$"
    with pytest.raises(UserError, match=message):
        Normalize("up")
