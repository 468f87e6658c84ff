"""The presets give what the published codes give, in one batch and image by image."""

import pytest
import torch

from relprop import LRP
from tests.golden_files import keys, network, relative_error, tensors

TOLERANCE = 1e-4


def heatmap_keys(name: str) -> list[str]:
    return [key for key in keys(name) if not key.endswith(".logits")]


def check(engine: LRP, images: torch.Tensor, expected: torch.Tensor) -> None:
    batch = engine.attribute(images).sum(1)
    singly = torch.cat([engine.attribute(image.unsqueeze(0)) for image in images]).sum(1)
    assert relative_error(batch, expected) <= TOLERANCE
    assert relative_error(singly, expected) <= TOLERANCE


@pytest.mark.parametrize("key", heatmap_keys("otsuki2024"))
def test_otsuki2024(key: str) -> None:
    name, skip, kept = key.split(".", 2)
    engine = LRP(network(name), composite="otsuki2024", skip=skip, relevance_filter=float(kept.removeprefix("filter")))
    check(engine, tensors("inputs")["x64"], tensors("otsuki2024")[key])


@pytest.mark.parametrize("key", heatmap_keys("fischer2021"))
def test_fischer2021(key: str) -> None:
    name, kept = key.split(".", 1)
    share = float(kept.removeprefix("filter"))
    engine = LRP(network(name), composite="fischer2021", relevance_filter=share or 1.0)  # 0.0 is off there
    check(engine, tensors("inputs")["x32"], tensors("fischer2021")[key])


@pytest.mark.parametrize("key", [key for key in keys("otsuki2024") if key.endswith(".logits")])
def test_forward_pass_gives_the_logits(key: str) -> None:
    engine = LRP(network(key.removesuffix(".logits")), composite="otsuki2024", start="logit")
    expected = tensors("otsuki2024")[key]
    start = list(engine.trace(tensors("inputs")["x64"]).values())[-1]
    torch.testing.assert_close(start.sum(1), expected.max(1).values, rtol=1e-5, atol=1e-5)
