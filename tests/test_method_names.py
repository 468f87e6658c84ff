"""Methods as the config names them."""

from pathlib import Path

import pytest
import torch

from relprop.data import build_datamodule
from relprop.experiment.building import options_of
from relprop.experiment.method import build_method, describe_method
from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.postprocessing import build_pipeline
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


@pytest.mark.parametrize(
    ("words", "described"),
    [
        ("composite=bermudez2022", "lrp composite=bermudez2022 skip=signed"),
        (
            "composite=bermudez2022 method.gamma=0.5 method.eps=0.1",
            "lrp composite=bermudez2022 skip=signed gamma=0.5 eps=0.1",
        ),
        ("composite=bermudez2022 method.gamma=0", "lrp composite=bermudez2022 skip=signed gamma=0"),
        (
            "composite=epsilon method.eps=1e-3 reduction=max",
            "lrp composite=epsilon skip=signed eps=0.001 reduction=max",
        ),
        ("method=rise method.masks=500 postprocess=[quantize]", "rise masks=500, quantize(levels=8)"),
    ],
)
def test_a_method_is_described_by_what_is_not_its_default(words: str, described: str, tmp_path: Path) -> None:
    config = composed("visualize", tmp_path, *words.split())
    pipeline = build_pipeline(config.reduction, config.get("postprocess", {}))
    assert describe_method(config, pipeline) == described
