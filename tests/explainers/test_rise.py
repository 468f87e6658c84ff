"""RISE against its equation, taken literally, with masks enlarged by scikit-image."""

import numpy as np
import pytest
import torch
from skimage.transform import resize
from torch import Tensor, nn

from relprop.benchmark import peak_memory
from relprop.explainers.rise import RISE, enlarged
from tests.networks import network_of

OPTIONS = {"masks": 30, "cells": 3, "probability": 0.4, "seed": 5}


@pytest.fixture
def model() -> nn.Module:
    return network_of(lambda b, x: b.norm(b.conv(x)).relu())


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 10, 13, generator=torch.Generator().manual_seed(0))


TARGET = torch.tensor([0, 2, 4])


def literal_masks(masks: int, cells: int, probability: float, seed: int, size: tuple[int, int]) -> Tensor:
    """The masks (N, H, W) one by one, as in §3.2 and in the authors' code; border cells continue."""
    random = torch.Generator().manual_seed(seed)
    grids = torch.rand(masks, cells, cells, generator=random) < probability
    cell = [-(-n // cells) for n in size]
    starts = [torch.randint(side, (masks,), generator=random).tolist() for side in cell]
    result = []
    for grid, top, left in zip(grids.double().numpy(), *starts, strict=True):
        whole = resize(grid, [(cells + 1) * side for side in cell], order=1, mode="edge", anti_aliasing=False)
        result.append(whole[top : top + size[0], left : left + size[1]])
    return torch.from_numpy(np.stack(result)).float()


def literal(model: nn.Module, image: Tensor, target: int, masks: Tensor, probability: float) -> Tensor:
    """Equation 6, mask by mask."""
    total = torch.zeros(image.shape[1:])
    for mask in masks:
        with torch.no_grad():
            total += model((image * mask).unsqueeze(0)).softmax(1)[0, target] * mask
    return total / len(masks) / probability


@pytest.mark.parametrize("max_batch", [1, 7, 64])
def test_is_the_equation(model: nn.Module, images: Tensor, max_batch: int) -> None:
    masks = literal_masks(**OPTIONS, size=(10, 13))
    expected = torch.stack([literal(model, x, int(c), masks, 0.4) for x, c in zip(images, TARGET, strict=True)])
    attribution = RISE(model, **OPTIONS, max_batch=max_batch)(images, TARGET)
    torch.testing.assert_close(attribution.sum(1), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(attribution[:, 0], attribution[:, 2])


@pytest.mark.parametrize(("cells", "size"), [(2, (4, 4)), (3, (10, 13)), (9, (32, 32)), (7, (16, 9))])
def test_masks_are_the_grids_of_the_paper(cells: int, size: tuple[int, int]) -> None:
    expected = literal_masks(20, cells, 0.5, 3, size)
    seen = []
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    RISE(model, 20, cells, 0.5, seed=3)(torch.ones(1, 1, *size), 0)
    torch.testing.assert_close(torch.cat(seen[-3:])[:, 0], expected, rtol=0, atol=1e-5)
    assert expected.min() >= 0 and expected.max() <= 1


def test_a_cut_reaches_from_the_first_cell_to_the_last() -> None:
    grid = torch.zeros(1, 3, 3)
    grid[0, 2, 0] = 1
    first, last = (enlarged(grid, torch.tensor([n]), torch.tensor([n]), 9, 9)[0] for n in (0, 2))
    assert first[:, 0].argmax() == 8 and first[0].max() == 0
    assert last[-1, 0] > first[-1, 0] and last[:, -1].max() == 0


def test_an_even_answer_gives_the_mean_of_the_masks(images: Tensor) -> None:
    """f = 1/2 everywhere, so that the map is (1/2) Σ M / (N·p), which is near 1/2: the normalisation of equation 6."""
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    attribution = RISE(model, masks=2000, cells=4, probability=0.3, max_batch=500)(images, 1).sum(1)
    assert attribution.mean().item() == pytest.approx(0.5, abs=0.01)
    assert (attribution - 0.5).abs().max() < 0.05


def test_finds_the_pixels_that_count() -> None:
    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            bright = x[:, :, :4, 12:].mean((1, 2, 3))
            return torch.stack([torch.zeros_like(bright), 8 * bright - 4], 1)

    heatmap = RISE(Corner(), masks=400, cells=4, max_batch=100)(torch.ones(1, 3, 16, 16), 1).sum(1)[0]
    assert heatmap[:4, 12:].mean() > 1.5 * heatmap[8:, :8].mean()


def test_each_image_has_the_same_masks_and_no_batch_changes_a_bit(model: nn.Module, images: Tensor) -> None:
    explainer = RISE(model, **OPTIONS)
    twice = images[:1].repeat(2, 1, 1, 1)
    state = torch.get_rng_state()
    attribution = explainer(twice, 1)
    assert torch.equal(attribution[0], attribution[1])
    assert torch.equal(explainer(images, TARGET)[2:], explainer(images[2:], TARGET[2:]))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(attribution, RISE(model, **{**OPTIONS, "seed": 6})(twice, 1))


def test_forwards_are_as_many_as_masks_in_batches_of_max_batch(images: Tensor) -> None:
    sizes: list[int] = []
    model = network_of(lambda b, x: b.conv(x))
    model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    RISE(model, **OPTIONS, max_batch=8)(images, TARGET)
    assert sizes == [8] * 9 + [6] * 3


def test_bfloat16_is_near_and_an_overflow_is_refused(model: nn.Module, images: Tensor) -> None:
    exact, rough = (RISE(model, **OPTIONS, dtype=dtype)(images, TARGET) for dtype in ("float32", "bfloat16"))
    assert not torch.equal(exact, rough)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0)
    with pytest.raises(ValueError, match="NaN or infinite answers in float16; choose dtype=bfloat16 or float32"):
        RISE(model, **OPTIONS, dtype="float16")(images * 1e6, TARGET)


def test_doubles_stay_doubles(model: nn.Module, images: Tensor) -> None:
    attribution = RISE(model.double(), **OPTIONS)(images.double(), TARGET)
    assert attribution.dtype == torch.float64
    torch.testing.assert_close(attribution.float(), RISE(model.float(), **OPTIONS)(images, TARGET))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": 0}, "masks=0 is not valid; it takes a whole number of at least 1"),
        ({"cells": 1}, "cells=1 is not valid; it takes a whole number of at least 2"),
        ({"probability": 1.0}, "probability=1.0 is not valid; it takes a number between 0 and 1"),
        ({"probability": 0}, "probability=0 is not valid"),
        ({"max_batch": 0}, "max_batch=0 is not valid"),
        ({"dtype": "int8"}, "dtype=int8 is unknown"),
    ],
)
def test_bad_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RISE(nn.Identity(), **options)


def test_more_cells_than_pixels_are_refused(model: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match="cells=11 is too many for images of 10×13 pixels; give fewer"):
        RISE(model, cells=11)(images, TARGET)


def test_5000_masks_are_never_all_there_at_full_size() -> None:
    """By the largest tensor that torch makes: 5,000 masks of 64² would have 82 MB."""
    explainer = RISE(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), masks=5000, max_batch=100)
    assert peak_memory(lambda: explainer(torch.ones(1, 3, 64, 64), 0), torch.device("cpu")) < 15e6
