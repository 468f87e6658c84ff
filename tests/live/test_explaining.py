"""A frame is explained as a photograph of the same pixels would be."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from relprop.data import Digits, build_datamodule
from relprop.data.opening import read_photo
from relprop.experiment.method import Method
from relprop.explainers import get_explainer
from relprop.live.explaining import Explaining
from relprop.live.frames import Frame
from relprop.models import build_model
from relprop.postprocessing import build_pipeline
from tests.live.videos import photo


@pytest.mark.parametrize("method", ["lrp", "gradcam", "random"])
@pytest.mark.parametrize("target", [None, 3])
def test_class_probability_and_heatmap_are_those_of_a_photograph(
    tmp_path: Path, method: str, target: int | None
) -> None:
    torch.manual_seed(0)
    network = build_model("resnet20", num_classes=10, image_size=32).eval()
    data, pixels = build_datamodule("digits"), photo(3, (120, 90))
    Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)).save(tmp_path / "photo.png")
    cut = data.cut(read_photo(tmp_path / "photo.png"))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (Digits.mean, Digits.std))
    image = ((cut.float() / 255 - mean) / std)[None]
    with torch.no_grad():
        probabilities = network(image).softmax(1)[0]
    expected = int(probabilities.argmax()) if target is None else target
    heatmap = get_explainer(method, network)(image, expected, torch.tensor([7])).sum(1)[0]

    explain = Explaining(
        Method(get_explainer(method, network), build_pipeline("sum", {})), data, target, torch.device("cpu")
    )
    explanation = explain.explain(explain.see(Frame(7, pixels, 0.0)))
    assert np.array_equal(explanation.seen, cut.movedim(0, -1).numpy())
    assert explanation.target == expected
    assert explanation.probability == pytest.approx(float(probabilities[expected]), rel=1e-4)
    torch.testing.assert_close(torch.from_numpy(explanation.heatmap), heatmap, rtol=1e-4, atol=1e-6)
