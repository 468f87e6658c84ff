"""Methods as the config names them."""

from pathlib import Path

import pytest
import torch

from relprop.data import build_datamodule
from relprop.experiment.building import options_of
from relprop.experiment.method import build_method
from relprop.explainers import get_explainer
from relprop.models import build_model
from tests.configs import composed, options
from tests.explainers.quick import QUICK

NEED_MORE = ("attention_branch", "file")  # a network, maps


@pytest.mark.parametrize("method", [method for method in options("method") if method not in NEED_MORE])
def test_a_name_is_all_that_a_method_takes(method: str, tmp_path: Path) -> None:
    """Its yaml has the defaults of its class, which the seed and the data set complete."""
    torch.manual_seed(0)
    network, data = build_model("resnet20", num_classes=10, image_size=32), build_datamodule("digits", limit=2)
    (batch,) = map(data.on_after_batch_transfer, data.test_dataloader())
    config = composed("visualize", tmp_path, f"method={method}")
    quick = {**options_of(config.method), **QUICK.get(method, {})}
    built = build_method(config, network, data, quick)
    statistics = {"mean": data.mean, "std": data.std} if hasattr(built.explainer, "mean") else {}
    defaults = get_explainer(method, network, **QUICK.get(method, {}), **statistics)
    assert torch.equal(built(batch.images, batch.labels), defaults(batch.images, batch.labels).sum(1))
