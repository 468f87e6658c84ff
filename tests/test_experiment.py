"""Training and explaining as the scripts do it, on the embedded digits."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor

from relprop.checkpoints import load_network
from relprop.data import build_datamodule
from relprop.data.digits import Digits
from relprop.data.memory import TensorImages
from relprop.errors import UserError
from relprop.experiment import train, visualize
from relprop.explainers import get_explainer
from relprop.lrp import COMPOSITES, LRP, Audit, Patterns, fit_patterns
from relprop.models import build_model
from relprop.runs import BEST, CONFIG, choose_checkpoint
from tests.configs import composed

SHORT = ("dataset.epochs=1", "+trainer.limit_train_batches=5", "logger=csv")
# Where the scores do not matter.
COARSE = "protocol.step=512"
SCORES = ("insertion", "deletion", "id")
pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one short training run of resnet20 on the digits."""
    folder = tmp_path_factory.mktemp("outputs")
    train(composed("train", folder, *SHORT))
    return folder


def explain(outputs: Path, *overrides: str) -> Path:
    config = composed("visualize", outputs, "logger=csv", "images=4", "sheet=4", *overrides)
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
    train(composed("train", tmp_path, *SHORT, "+trainer.limit_val_batches=1", "+trainer.limit_test_batches=1"))
    first, second = (torch.load(f / "train/run" / BEST, weights_only=True)["state_dict"] for f in (outputs, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("method", "protocol"),
    [("lrp", "otsuki2024"), ("gradient", "strict"), ("scorecam", "strict"), ("random", "strict")],
)
def test_explaining_leaves_rows_and_summary(method: str, protocol: str, outputs: Path, tmp_path: Path) -> None:
    run = explain(outputs, f"method={method}", f"protocol={protocol}", "protocol.step=128", f"run_dir={tmp_path}")
    rows = read(run / "results.jsonl")
    summary = json.loads((run / "summary.json").read_text())
    data = build_datamodule("digits", limit=4)
    chosen = torch.cat([batch.indices for batch in data.test_dataloader()]).tolist()
    assert [row["index"] for row in rows] == chosen
    assert [row["label"] for row in rows] == data.split("test").labels[chosen].tolist()
    for row in rows:
        assert (row["method"], row["protocol"], row["model"]) == (method, protocol, "resnet20")
        assert row["id"] == pytest.approx(row["insertion"] - row["deletion"])
    for score in SCORES:
        assert summary[score]["mean"] == pytest.approx(sum(row[score] for row in rows) / 4)
        assert summary[score]["interval"][0] <= summary[score]["mean"] <= summary[score]["interval"][1]
    assert (summary["method"], summary["protocol"], summary["n"]) == (method, protocol, 4)
    assert summary["better"] == {"insertion": "higher", "deletion": "lower", "id": "higher"}
    requested, run_on = (sum(row[column] for row in rows) for column in ("requested", "forwards"))
    assert summary["forwards"] == {"requested": requested, "run": run_on}
    assert summary["resumed_rows"] == 0
    assert len((run / "csv" / "scores.csv").read_text().splitlines()) == 5


@pytest.fixture(scope="module")
def drawn(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as it is, before any test has its pictures blank."""
    return explain(outputs, COARSE, f"run_dir={tmp_path_factory.mktemp('drawn')}")


def test_explaining_leaves_pictures(drawn: Path) -> None:
    for picture in ("heatmaps", "curves"):
        with Image.open(drawn / f"{picture}.png") as image:
            assert min(image.size) > 200
        assert (drawn / "csv" / f"{picture}.png").is_file()


def test_attention_of_a_network_that_has_a_branch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_model("abn_resnet20", num_classes=10, image_size=32, branch="layer1")
    weights = tmp_path / "abn.pth"
    torch.save(network.state_dict(), weights)
    words = ("method=attention_branch", "model=abn_resnet20", "model.branch=layer1", f"ckpt={weights}")
    run = explain(tmp_path, *words, COARSE)
    assert json.loads((run / "summary.json").read_text())["channels"] == "shared"
    assert len(read(run / "results.jsonl")) == 4


def test_maps_from_a_file_are_those_of_the_images(outputs: Path, tmp_path: Path) -> None:
    """Stored by index, the gradient's maps get the gradient's scores."""
    words = ("batch_size=4", "protocol.step=256")
    plain = explain(outputs, "method=gradient", f"run_dir={tmp_path / 'plain'}", *words)
    network, _ = load_network(outputs / "train/run" / BEST, "resnet20", data := build_datamodule("digits", limit=4))
    (batch,) = map(data.on_after_batch_transfer, data.test_dataloader())
    maps = get_explainer("gradient", network)(batch.images)
    np.savez(
        tmp_path / "maps.npz", **{str(i): each.numpy() for i, each in zip(batch.indices.tolist(), maps, strict=True)}
    )
    given = (f"run_dir={tmp_path / 'file'}", "method=file", f"method.path={tmp_path / 'maps.npz'}")
    stored = explain(outputs, *given, *words)
    for score in SCORES:
        theirs, ours = ([row[score] for row in read(run / "results.jsonl")] for run in (plain, stored))
        assert ours == pytest.approx(theirs, abs=1e-3)
    with pytest.raises(UserError, match="method=file looks maps up by the images' indices"):
        explain(outputs, *given, "metric=stability")


def test_one_class_for_all_images(outputs: Path, tmp_path: Path) -> None:
    run = explain(outputs, "method=gradient", "target=7", COARSE, f"run_dir={tmp_path}")
    assert json.loads((run / "summary.json").read_text())["target"] == 7
    rows = read(run / "results.jsonl")
    assert [row["predicted"] for row in rows] != [7] * 4
    assert all(row["probability"] == pytest.approx(row["deletion_curve"][0], abs=1e-4) for row in rows)


def test_what_is_no_class_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="target=cat is not a class; there are 10: 0, 1, 2, 3"):
        explain(tmp_path, "target=cat")
    assert not (tmp_path / "train").exists()


@pytest.fixture
def sheets(monkeypatch, blank_pictures) -> list[tuple[Tensor, Tensor, list[str]]]:
    """Images, heatmaps and captions of every contact sheet that is drawn from now on."""
    drawn = []

    def record(images, heatmaps, captions, *rest, **options):
        drawn.append((images, heatmaps, captions))
        return Figure(figsize=(1, 1), dpi=10)

    monkeypatch.setattr("relprop.callbacks.report.contact_sheet", record)
    return drawn


def test_contact_sheet_shows_images_from_all_over_the_test(outputs: Path, tmp_path: Path, sheets) -> None:
    explain(outputs, "method=gradient", "images=16", "batch_size=3", COARSE, f"run_dir={tmp_path}")
    ((images, _, captions),) = sheets
    rows = [read(tmp_path / "results.jsonl")[i] for i in (0, 5, 10, 15)]
    assert [caption.split(" → ")[0] for caption in captions] == [str(row["label"]) for row in rows]
    pixels = build_datamodule("digits").split("test").images[[row["index"] for row in rows]]
    torch.testing.assert_close(images, pixels / 255, rtol=0, atol=1e-5)


@pytest.fixture
def few_to_train_on(monkeypatch) -> Tensor:
    """The digits have 48 training images from now on: these."""
    load = Digits.load
    all_images = build_datamodule("digits").split("train")
    few = TensorImages(all_images.images[:48], all_images.labels[:48])
    monkeypatch.setattr(Digits, "load", lambda self, split: {**load(self, split), "train": few})
    return few.images


@pytest.mark.parametrize("composite", ["epsilon_gamma_box", "guided_backprop", "pattern_attribution"])
def test_composite_gets_what_it_needs(composite: str, outputs: Path, tmp_path: Path, sheets, few_to_train_on) -> None:
    """The data set's pixel range and patterns of its training images as they are; rows say which start and skip."""
    run = explain(outputs, f"composite={composite}", COARSE, f"run_dir={tmp_path}")
    data = build_datamodule("digits")
    network, _ = load_network(outputs / "train/run" / BEST, "resnet20", data)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    file, fitted = None, None
    if composite == "pattern_attribution":
        file = run / "patterns.safetensors"
        fitted = fit_patterns(network, [(few_to_train_on / 255 - mean) / std])
        for name, pattern in Patterns.load(file).values.items():
            torch.testing.assert_close(pattern, fitted.values[name], rtol=1e-3, atol=1e-4 * pattern.abs().max().item())
    for said in (*read(run / "results.jsonl"), json.loads((run / "summary.json").read_text())):
        assert (said["start"], said["skip"]) == (COMPOSITES[composite].start, COMPOSITES[composite].skip)
        assert said["patterns"] == (str(file) if file else None)
    ((images, heatmaps, _),) = sheets
    engine = LRP(network, composite, mean=data.mean, std=data.std, patterns=fitted)
    expected = engine.attribute((images - mean) / std).sum(1)
    assert (heatmaps - expected).norm() < 1e-2 * expected.norm()  # rounding opens or shuts single gates
    assert run.joinpath("patterns.safetensors").is_file() == (file is not None)


def test_patterns_that_do_not_fit_are_refused(outputs: Path, tmp_path: Path) -> None:
    wanted, file = f"composite=pattern_net run_dir={tmp_path}/run".split(), tmp_path / "other.safetensors"
    Patterns({"conv1": torch.ones(1)}, "positive", "pass").save(file)
    with pytest.raises(UserError, match="conv1: the pattern is .* the patterns are those of another network"):
        explain(outputs, *wanted, f"method.patterns={file}")
    with pytest.raises(UserError, match="bn=fold, but the patterns were fitted with bn=pass"):
        explain(outputs, *wanted, f"method.patterns={file}", "method.bn=fold")
    with pytest.raises(UserError, match=f"method.patterns={file}: composite=epsilon has no rule that takes patterns"):
        explain(outputs, "composite=epsilon", f"method.patterns={file}", f"run_dir={tmp_path}/run")
    with pytest.raises(UserError, match="nope holds no patterns: No such file"):
        explain(tmp_path, *wanted, "method.patterns=nope", "ckpt=train")
    assert not (tmp_path / "train").exists()  # said before a network is trained


def test_audit_of_the_first_batch(outputs: Path, tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    run = explain(outputs, "audit=true", "images=6", "batch_size=4", COARSE, f"run_dir={tmp_path}")
    audit, summary = (json.loads((run / f"{name}.json").read_text()) for name in ("audit", "summary"))
    first = read(run / "results.jsonl")[: audit["n"]]
    assert len(first) == 4
    assert audit["start"] == pytest.approx(sum(row["probability"] for row in first), rel=1e-5)
    assert [tuple(row) for row in audit["rows"]] == [Audit.COLUMNS] * len(audit["rows"])
    assert audit["absorbed"] == pytest.approx(sum(sum(row["causes"].values()) for row in audit["rows"]))
    assert summary["audit_absorbed"] == pytest.approx(audit["absorbed"] / audit["start"])
    assert summary["audit_error"] == max(row["error"] for row in audit["rows"]) < 1e-5
    *table, total = (run / "audit.txt").read_text().splitlines()
    assert [line.split()[0] for line in table] == ["step", *(row["step"] for row in audit["rows"])]
    assert f"audit of the first 4 images: {total}" in caplog.text
    logged = (run / "csv" / "audit.csv").read_text().splitlines()
    assert (logged[0], len(logged)) == (",".join(Audit.COLUMNS), len(table))


def test_explained_class_is_the_one_asked_for(outputs: Path, tmp_path: Path) -> None:
    for target in ("predicted", "label"):
        run = explain(
            outputs, "method=gradient", "images=16", f"target={target}", COARSE, f"run_dir={tmp_path}/{target}"
        )
        rows = read(run / "results.jsonl")
        assert all(row["target"] == row[target] for row in rows)


def test_lrp_does_not_depend_on_the_trainers_precision(outputs: Path, tmp_path: Path) -> None:
    """Scores differ by what float32 and bfloat16 logits choose as class, not by the heatmaps: explain the labels."""
    runs = [
        explain(outputs, f"trainer.precision={p}", "target=label", "protocol.step=128", f"run_dir={tmp_path}/{p}")
        for p in ("32-true", "bf16-mixed")
    ]
    first, second = (read(run / "results.jsonl") for run in runs)
    for a, b in zip(first, second, strict=True):
        assert a["insertion_curve"] == pytest.approx(b["insertion_curve"], abs=1e-5)


def test_tensorboard_gets_pictures_tables_and_summary(outputs: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = explain(outputs, "logger=tensorboard", "audit=true", COARSE, f"run_dir={tmp_path}")
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"heatmaps", "perturbed", "curves", "flips"}
    assert {f"summary/{score}" for score in SCORES} <= set(events.Tags()["scalars"])
    assert {"scores/text_summary", "audit/text_summary"} <= set(events.Tags()["tensors"])


def test_options_that_make_no_sense_are_refused(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="relevance_filter=2.0 must be above 0"):
        explain(outputs, "method.relevance_filter=2.0", f"run_dir={tmp_path}")
    with pytest.raises(UserError, match="step=1024 leaves one point for 1024 patches"):
        explain(outputs, "protocol=otsuki2024", "protocol.step=1024", f"run_dir={tmp_path}")
    with pytest.raises(UserError, match=r"lightning\.Trainer refuses .*'nope'"):
        train(composed("train", tmp_path, "+trainer.nope=1", *SHORT))
