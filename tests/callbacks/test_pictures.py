"""Best, worst and equal images are kept as they are, with the heatmaps that were scored."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from relprop.callbacks.pictures import ranking
from relprop.data import build_datamodule
from relprop.experiment.building import build_data
from relprop.experiment.explaining import score
from relprop.explainers import get_explainer
from relprop.models import build_model
from tests.configs import composed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    network = build_model("resnet20", num_classes=10, image_size=build_datamodule("digits").image_size)
    torch.save(network.state_dict(), folder / "net.pt")
    words = ["images=9", "sheet=2", "batch_size=4", "method=gradient", "logger=csv", "protocol.step=256", "trainer=cpu"]
    config = composed("visualize", folder, *words)
    score(config, folder / "net.pt", for_tables=True)
    return folder


def test_pictures_are_those_of_the_rows(run: Path) -> None:
    folder = run / "visualize" / "run"
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    kept = load_file(folder / "pictures.safetensors")
    by_id = sorted(rows, key=lambda row: row["id"])
    assert kept["best.indices"].tolist() == [row["index"] for row in by_id[::-1][:3]]
    assert kept["worst.indices"].tolist() == [row["index"] for row in by_id[:3]]
    assert kept["same.indices"].tolist() == [rows[0]["index"], rows[-1]["index"]]
    data = build_data(composed("visualize", run))
    network = build_model("resnet20", num_classes=10, image_size=data.image_size).eval()
    network.load_state_dict(torch.load(run / "net.pt", weights_only=True))
    target = {row["index"]: row["target"] for row in rows}
    for kind in ("best", "worst", "same"):
        indices = kept[f"{kind}.indices"].tolist()
        batch = data.split("test").__getitems__(indices)
        assert torch.equal(kept[f"{kind}.images"], batch.images)
        images = data.on_after_batch_transfer(batch).images
        heatmaps = get_explainer("gradient", network)(images, torch.tensor([target[index] for index in indices])).sum(1)
        torch.testing.assert_close(kept[f"{kind}.heatmaps"], heatmaps)
    with safe_open(folder / "pictures.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["class_names"]) == list(data.class_names)
    assert not list(folder.glob("*.png"))


def test_ranking_leaves_out_what_has_no_number_and_what_is_no_rank() -> None:
    rows = [{"s": 0.5}, {"s": None}, {"s": 2.0}, {"s": 0.5}]
    assert ranking(rows, "s", "higher") == [2, 0, 3]
    assert ranking(rows, "s", "lower") == [0, 3, 2]
    assert ranking(rows, "s", "neither") == []
