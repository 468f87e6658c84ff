"""Curves of Bermúdez Schettino's published pixel flipping."""

import pytest
import torch

from relprop.metrics import PixelFlipping
from relprop.postprocessing import reduce_channels
from tests.golden_files import keys, network, relative_error, tensors

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # the inputs' normalisation
FILE = "bermudez2022"
SIZES = sorted({int(key.rsplit(".", 1)[1]) for key in keys(FILE) if key.startswith("pixel_flipping.")})


@pytest.mark.parametrize("size", SIZES)
def test_bermudez2022(size: int) -> None:
    images, heatmaps = tensors("inputs")["x32"], reduce_channels(tensors(FILE)["relevance"], "luminance")
    model = network("vgg")
    with torch.no_grad():
        target = model(images).argmax(1)
    metric = PixelFlipping(model, "bermudez2022", patch=size, mean=MEAN, std=STD)
    metric.update(images, heatmaps, target)
    for order in ("morf", "lerf"):
        curves = torch.tensor([row[f"{order}_curve"] for row in metric.rows])
        assert relative_error(curves, tensors(FILE)[f"pixel_flipping.{order}.{size}"]) < 1e-4
    assert metric.compute()["srg"] > 0
