"""Training and explaining as the scripts do it, on the embedded digits and on a small folder of images."""

import json
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.experiment import train, visualize
from relprop.models import build_model
from relprop.runs import BEST, CONFIG, choose_checkpoint
from relprop.visualization import contact_sheet
from tests.configs import composed, options

SHORT = ("dataset.epochs=1", "+trainer.limit_train_batches=10", "logger=csv")
SCORES = ("insertion", "deletion", "id")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one short training run of resnet20 on the digits."""
    folder = tmp_path_factory.mktemp("outputs")
    train(composed("train", folder, *SHORT))
    return folder


def explain(outputs: Path, *overrides: str) -> Path:
    config = composed("visualize", outputs, "logger=csv", "images=6", "sheet=4", *overrides)
    visualize(config, choose_checkpoint(config))
    return Path(config.run_dir)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_leaves_config_checkpoints_log_and_summary(outputs: Path) -> None:
    run = outputs / "train" / "run"
    assert OmegaConf.load(run / CONFIG).model.name == "resnet20"
    assert (run / BEST).is_file()
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert "val/accuracy" in (run / "csv" / "metrics.csv").read_text().splitlines()[0]
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["dataset"], summary["model"], summary["n"]) == ("digits", "resnet20", 360)
    assert 0 <= summary["test_accuracy"] <= 1
    assert torch.__version__.startswith(summary["versions"]["torch"])


def test_checkpoint_is_plain_data_that_says_what_it_is(outputs: Path) -> None:
    content = torch.load(outputs / "train" / "run" / BEST, weights_only=True)
    assert content["hyper_parameters"]["model"] == "resnet20"
    assert content["hyper_parameters"]["class_names"] == list("0123456789")


def test_same_seed_same_weights(outputs: Path, tmp_path: Path) -> None:
    train(composed("train", tmp_path, *SHORT))
    first, second = (torch.load(f / "train/run" / BEST, weights_only=True)["state_dict"] for f in (outputs, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("method", options("method"))
@pytest.mark.parametrize("protocol", options("protocol"))
def test_explaining_leaves_rows_summary_and_pictures(method: str, protocol: str, outputs: Path, tmp_path: Path) -> None:
    run = explain(outputs, f"method={method}", f"protocol={protocol}", f"run_dir={tmp_path}")
    rows = read(run / "results.jsonl")
    summary = json.loads((run / "summary.json").read_text())
    data = build_datamodule("digits", limit=6)
    chosen = torch.cat([batch.indices for batch in data.test_dataloader()]).tolist()
    assert [row["index"] for row in rows] == chosen
    assert [row["label"] for row in rows] == data.split("test").labels[chosen].tolist()
    for row in rows:
        assert (row["method"], row["protocol"], row["model"]) == (method, protocol, "resnet20")
        assert row["id"] == pytest.approx(row["insertion"] - row["deletion"])
    for score in SCORES:
        assert summary[score]["mean"] == pytest.approx(sum(row[score] for row in rows) / 6)
        assert summary[score]["interval"][0] <= summary[score]["mean"] <= summary[score]["interval"][1]
    assert (summary["method"], summary["protocol"], summary["n"]) == (method, protocol, 6)
    for picture in ("heatmaps", "curves"):
        with Image.open(run / f"{picture}.png") as image:
            assert min(image.size) > 200
        assert (run / "csv" / f"{picture}.png").is_file()
    assert len((run / "csv" / "scores.csv").read_text().splitlines()) == 7


def test_contact_sheet_shows_images_from_all_over_the_test(outputs: Path, tmp_path: Path, monkeypatch) -> None:
    sheets = []

    def record(images, heatmaps, captions, *rest, **options):
        sheets.append((images, captions))
        return contact_sheet(images, heatmaps, captions, *rest, **options)

    monkeypatch.setattr("relprop.callbacks.report.contact_sheet", record)
    explain(outputs, "images=40", "sheet=4", "batch_size=7", "metric.step=256", f"run_dir={tmp_path}")
    ((images, captions),) = sheets
    rows = [read(tmp_path / "results.jsonl")[i] for i in (0, 13, 26, 39)]
    assert [caption.split(" → ")[0] for caption in captions] == [str(row["label"]) for row in rows]
    pixels = build_datamodule("digits").split("test").images[[row["index"] for row in rows]]
    torch.testing.assert_close(images, pixels / 255, rtol=0, atol=1e-5)


def test_explained_class_is_the_one_asked_for(outputs: Path, tmp_path: Path) -> None:
    for target in ("predicted", "label"):
        rows = read(explain(outputs, f"target={target}", f"run_dir={tmp_path}/{target}") / "results.jsonl")
        assert all(row["target"] == row[target] for row in rows)


def test_lrp_does_not_depend_on_the_trainers_precision(outputs: Path, tmp_path: Path) -> None:
    """Scores differ by what float32 and bfloat16 logits choose as class, not by the heatmaps: explain the labels."""
    runs = [
        explain(outputs, f"trainer.precision={p}", "target=label", f"run_dir={tmp_path}/{p}")
        for p in ("32-true", "bf16-mixed")
    ]
    first, second = (read(run / "results.jsonl") for run in runs)
    for a, b in zip(first, second, strict=True):
        assert a["insertion_curve"] == pytest.approx(b["insertion_curve"], abs=1e-5)


def test_tensorboard_gets_pictures_table_and_summary(outputs: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = explain(outputs, "logger=tensorboard", f"run_dir={tmp_path}")
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"heatmaps", "curves"}
    assert {f"summary/{score}" for score in SCORES} <= set(events.Tags()["scalars"])
    assert "scores/text_summary" in events.Tags()["tensors"]


def test_options_that_make_no_sense_are_refused(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="relevance_filter=2.0 must be above 0"):
        explain(outputs, "method.relevance_filter=2.0", f"run_dir={tmp_path}")
    with pytest.raises(UserError, match="step=1024 leaves one point for 1024 patches"):
        explain(outputs, "protocol=otsuki2024", "metric.step=1024", f"run_dir={tmp_path}")
    with pytest.raises(UserError, match="trainer.devices=2: explaining runs on one device"):
        explain(outputs, "trainer.devices=2", f"run_dir={tmp_path}")
    with pytest.raises(UserError, match=r"lightning\.Trainer refuses .*'nope'"):
        train(composed("train", tmp_path, "+trainer.nope=1", *SHORT))


def cifar_folder(root: Path) -> Path:
    """Two images of noise per class and split, in the layout that `dataset=cifar10` reads."""
    for split in ("train", "test"):
        for label, name in enumerate(build_datamodule("cifar10").class_names):
            folder = root / "cifar10" / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                Image.effect_noise((32, 32), 10 + label + i).convert("RGB").save(folder / f"{i}.png")
    return root


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_runs(experiment: str, tmp_path: Path) -> None:
    fast = [f"experiment={experiment}", f"data_dir={cifar_folder(tmp_path)}", "trainer.fast_dev_run=true"]
    train(composed("train", tmp_path, *fast))
    weights = tmp_path / "weights.pth"
    torch.save(build_model("resnet20", num_classes=10, image_size=32).state_dict(), weights)
    config = composed("visualize", tmp_path, *fast[:2], f"ckpt={weights}", "images=2", "logger=csv")
    visualize(config, choose_checkpoint(config))
    assert len(read(Path(config.run_dir) / "results.jsonl")) == 2
