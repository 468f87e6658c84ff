"""What holds for every step, whatever it does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relprop.errors import UserError
from relprop.postprocessing import STEPS

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def maps(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shape_and_dtype_stay_and_the_input_is_left_alone(name: str, dtype: torch.dtype) -> None:
    heatmaps = maps(2, 40, 33, dtype=dtype)
    before = heatmaps.clone()
    result = STEPS[name]()(heatmaps)
    assert (result.shape, result.dtype) == (heatmaps.shape, dtype)
    assert result.isfinite().all()
    assert not torch.equal(result, before)
    result.zero_()
    assert torch.equal(heatmaps, before)


@pytest.mark.parametrize("name", STEPS)
def test_each_image_is_for_itself(name: str) -> None:
    """Bit for bit: alone, in a batch, and as a view of other strides."""
    attribution = maps(5, 3, 37, 52)
    heatmaps = attribution[:, 1]
    step = STEPS[name]()
    batch = step(heatmaps)
    assert torch.equal(batch, torch.cat([step(heatmap.unsqueeze(0).clone()) for heatmap in heatmaps]))
    assert torch.equal(batch, step(heatmaps.transpose(1, 2).contiguous().transpose(1, 2)))
    assert not torch.equal(batch[0], batch[1])


@pytest.mark.parametrize("name", STEPS)
def test_no_graph_is_kept(name: str) -> None:
    heatmaps = maps(1, 30, 30).requires_grad_()
    assert not STEPS[name]()(heatmaps).requires_grad


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("value", [0.0, 0.1, -3.3])
def test_constant_map_stays_constant(name: str, value: float) -> None:
    """As it was, but for the scale of `normalize`. Its neighbour in the batch is treated as ever."""
    constant, other = torch.full((1, 35, 30), value), maps(1, 35, 30)
    result = STEPS[name]()(torch.cat([constant, other]))
    expected = constant.sign() if name == "normalize" else constant
    assert torch.equal(result, torch.cat([expected, STEPS[name]()(other)]))


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(STEPS)),
    exponents=st.lists(st.integers(-40, 37), min_size=6, max_size=6),
    seed=st.integers(0, 99),
)
def test_finite_whatever_the_scale(name: str, exponents: list[int], seed: int) -> None:
    heat = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(seed))
    heatmaps = heat * 10.0 ** torch.tensor(exponents).view(1, 3, 2)
    result = STEPS[name]()(heatmaps)
    assert result.isfinite().all()
    assert result.abs().max() <= max(heatmaps.abs().max(), 1)


@pytest.mark.parametrize("name", STEPS)
def test_refusals(name: str) -> None:
    step = STEPS[name]()
    heatmaps = maps(4, 5, 5)
    heatmaps[1, 0, 0], heatmaps[3, 4, 4] = torch.nan, torch.inf
    with pytest.raises(UserError, match=r"^heatmaps \[1, 3\] contain NaN or infinite values$"):
        step(heatmaps)
    with pytest.raises(UserError, match=r"^heatmaps must be floats \(N, H, W\), not torch.float32 \(5, 5\)$"):
        step(heatmaps[0])
    with pytest.raises(UserError, match=r"^heatmaps must be floats \(N, H, W\), not torch.int64 \(4, 5, 5\)$"):
        step(torch.zeros(4, 5, 5, dtype=torch.int64))
