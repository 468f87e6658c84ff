"""What explaining gives to metrics, what it refuses, and what it keeps when something is wrong in the middle."""

import inspect
import json
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from relprop.callbacks import Explain
from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.experiment import visualize
from relprop.lrp import LRP
from relprop.metrics import METRICS
from relprop.models import build_model
from relprop.postprocessing import build_pipeline
from relprop.rows import RowFile
from relprop.runs import choose_checkpoint
from tests.configs import composed

SHORT = ("logger=csv", "images=10", "batch_size=4", "sheet=3", "protocol.step=512")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("resnet20", num_classes=10, image_size=32).eval()


@pytest.fixture(scope="module")
def weights(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet20.pth"
    torch.save(network.state_dict(), path)
    return path


def explain(folder: Path, *words: str | Path) -> Path:
    config = composed("visualize", folder, *SHORT, *map(str, words))
    visualize(config, choose_checkpoint(config))
    return Path(config.run_dir)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_several_processes_train_and_fit_nothing(weights: Path, tmp_path: Path) -> None:
    command = "'python scripts/train.py dataset=digits model=resnet20', then leave ckpt=train out"
    for words in (["trainer=ddp_cpu"], ["trainer.devices=2", "ckpt=train"]):
        with pytest.raises(UserError, match=f"trainer.devices=2: there is no checkpoint yet, .* {command}"):
            explain(tmp_path, *words)
    with pytest.raises(UserError, match="patterns are fitted on one device; .* then give method.patterns=FILE"):
        explain(tmp_path, "trainer=ddp_cpu", "composite=pattern_net", f"ckpt={weights}")
    with pytest.raises(UserError, match="trainer.strategy=fsdp is not valid for explaining; choose one of: auto, ddp"):
        explain(tmp_path, "trainer=ddp_cpu", "trainer.strategy=fsdp", f"ckpt={weights}")
    assert list(tmp_path.iterdir()) == []


def test_heatmaps_are_post_processed_in_the_order_given(
    network: nn.Module, weights: Path, tmp_path: Path, monkeypatch, blank_pictures
) -> None:
    drawn = []

    def record(images: Tensor, heatmaps: Tensor, *rest, **options):
        drawn.append((images, heatmaps))
        return Figure(figsize=(1, 1), dpi=10)

    monkeypatch.setattr("relprop.callbacks.report.contact_sheet", record)
    steps = ("postprocess=[quantize,normalize]", "postprocess.quantize.levels=3")
    plain = explain(tmp_path / "plain", f"ckpt={weights}")
    run = explain(tmp_path / "steps", f"ckpt={weights}", "reduction=max", *steps)
    first, summary = (json.loads((folder / "summary.json").read_text()) for folder in (plain, run))
    assert (first["reduction"], first["postprocess"]) == ("sum", [])
    said = ["quantize(levels=3)", "normalize(sign=all, outlier_percentile=2)"]
    assert (summary["reduction"], summary["postprocess"], summary["metric"]) == ("max", said, "insertion_deletion")
    (_, sums), (images, heatmaps) = drawn
    data = build_datamodule("digits")
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    relevance = LRP(network, "otsuki2024").attribute((images - mean) / std)
    expected = build_pipeline("max", {"quantize": {"levels": 3}, "normalize": {}})(relevance)
    torch.testing.assert_close(heatmaps, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sums, relevance.sum(1), rtol=1e-3, atol=1e-3 * sums.abs().max().item())
    assert all(len(heatmap.unique()) <= 3 for heatmap in heatmaps)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_gets_what_it_takes(metric: str, weights: Path, tmp_path: Path) -> None:
    """Statistics of the images, the method, for other networks too, relevance inside, boxes where there are some."""
    words = (f"ckpt={weights}", "images=2", f"metric={metric}")
    if metric == "localization":
        with pytest.raises(UserError, match="boxes"):
            explain(tmp_path, *words)
        return
    run = explain(tmp_path, *words)
    rows, summary = read(run / "results.jsonl"), json.loads((run / "summary.json").read_text())
    assert len(rows) == summary["n"] == 2
    for score in summary["better"]:
        assert summary[score]["mean"] == pytest.approx(sum(row[score] for row in rows) / 2)
    assert (run / "curves.png").is_file() == ("fractions" in rows[0])
    if "trace" in inspect.signature(METRICS[metric]).parameters:
        said = f"metric={metric} needs method=lrp: method=gradient has no relevance inside"
        with pytest.raises(UserError, match=said):
            explain(tmp_path, *words, "method=gradient")


def test_memory_does_not_grow_with_the_number_of_images(
    weights: Path, tmp_path: Path, monkeypatch, blank_pictures
) -> None:
    """Once a batch is in the file the metric forgets it."""
    append, on_test_batch_end, sizes, held = RowFile.append, Explain.on_test_batch_end, [], []

    def record(file: RowFile, rows: list) -> None:
        append(file, rows)
        sizes.append((len(rows), len(read(file.path))))

    def measure(callback: Explain, *args) -> None:
        on_test_batch_end(callback, *args)
        held.append(len(callback.metric.rows))

    monkeypatch.setattr(RowFile, "append", record)
    monkeypatch.setattr(Explain, "on_test_batch_end", measure)
    explain(tmp_path, f"ckpt={weights}")
    assert sizes == [(4, 4), (4, 8), (2, 10)]
    assert held == [0, 0, 0]


def test_a_mistake_in_a_batch_keeps_the_rows_before_it(weights: Path, tmp_path: Path, monkeypatch) -> None:
    attribute = LRP.attribute

    def broken(engine: LRP, images: Tensor, target: Tensor) -> Tensor:
        relevance = attribute(engine, images, target)
        return relevance * torch.nan if len(images) == 2 else relevance

    monkeypatch.setattr(LRP, "attribute", broken)
    with pytest.raises(UserError, match=r"heatmaps \[0, 1\] contain NaN"):
        explain(tmp_path, f"ckpt={weights}")
    run = tmp_path / "visualize" / "run"
    assert len(read(run / "results.jsonl")) == 8
    assert not (run / "summary.json").exists()
