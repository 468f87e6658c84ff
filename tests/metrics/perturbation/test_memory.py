"""Memory grows with the batch, not with the number of images or steps."""

import pytest
import torch

from relprop.benchmark.memory import peak_memory
from relprop.metrics import InsertionDeletion, PixelFlipping
from tests.networks import network_of

MEAN, STD = (0.5,) * 3, (0.5,) * 3


def peak(metric_class: type, protocol: str, images: int, step: int) -> int:
    metric = metric_class(network_of(lambda b, x: b.conv(x)), protocol, step=step, batch_size=8, mean=MEAN, std=STD)
    torch.manual_seed(0)
    pictures, heatmaps = torch.rand(images, 3, 32, 32) * 2 - 1, torch.rand(images, 32, 32)
    target = torch.zeros(images, dtype=torch.long)
    return peak_memory(lambda: metric.update(pictures, heatmaps, target), pictures.device)


@pytest.mark.parametrize(("metric", "protocol"), [(InsertionDeletion, "otsuki2024"), (PixelFlipping, "strict")])
def test_more_images_and_more_steps_take_no_more(metric: type, protocol: str) -> None:
    few = peak(metric, protocol, images=8, step=200)
    assert peak(metric, protocol, images=40, step=200) < 1.1 * few
    assert peak(metric, protocol, images=8, step=40) < 1.1 * few
