"""Curves and areas of the published insertion-deletion code, in one batch and image by image."""

import pytest
import torch
from torch import Tensor

from relprop.metrics import InsertionDeletion
from tests.golden_files import keys, network, tensors

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # the inputs' normalisation
FILE = "otsuki2024_insertion_deletion"
CASES = sorted({key.rsplit(".", 1)[0] for key in keys(FILE)})


def quantize(heatmaps: Tensor, levels: int) -> Tensor:
    """Each value lowered to its edge in linspace(min, max, levels) of its image."""
    result = heatmaps.clone()
    for heatmap in result:
        edges = torch.linspace(heatmap.min().item(), heatmap.max().item(), levels)
        edges[-1] = heatmap.max()
        lowered = torch.stack(
            [edges[edges <= value].max() if (edges <= value).any() else edges[0] for value in heatmap.flatten()]
        )
        heatmap.copy_(lowered.view_as(heatmap))
    return result


@pytest.mark.parametrize("case", CASES)
def test_otsuki2024(case: str) -> None:
    name, kind, patch, step = case.split(".")
    images, heatmaps = tensors("inputs")["x64"], tensors("otsuki2024")[f"{name}.flows_skip.filter1.0"]
    heatmaps = quantize(heatmaps, 8) if kind == "quantized" else heatmaps
    model = network(name)
    with torch.no_grad():
        target = model(images).argmax(1)
    options = {"step": int(step.removeprefix("step")), "patch": int(patch.removeprefix("patch"))}
    batch = InsertionDeletion(model, "otsuki2024", mean=MEAN, std=STD, **options)
    batch.update(images, heatmaps, target)
    singly = InsertionDeletion(model, "otsuki2024", mean=MEAN, std=STD, batch_size=7, **options)
    for i in range(len(images)):
        singly.update(images[i : i + 1], heatmaps[i : i + 1], target[i : i + 1])
    for metric in (batch, singly):
        for curve in ("insertion", "deletion"):
            expected = tensors(FILE)
            curves = torch.tensor([row[f"{curve}_curve"] for row in metric.rows])
            torch.testing.assert_close(curves, expected[f"{case}.{curve}"].to(curves.dtype), rtol=0, atol=1e-5)
            areas = torch.tensor([row[curve] for row in metric.rows], dtype=torch.float64)
            torch.testing.assert_close(areas, expected[f"{case}.{curve}_auc"].double(), rtol=0, atol=1e-5)
            assert metric.compute()[curve] == pytest.approx(areas.mean().item(), abs=1e-9)
