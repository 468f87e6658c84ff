"""Explaining photographs: what is written is what the methods give, and what cannot be read is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from relprop.data import Digits
from relprop.data.cuts import middle_cut
from relprop.data.opening import read_photo
from relprop.errors import UserError
from relprop.experiment import explain_photos
from relprop.explainers import get_explainer
from relprop.models import build_model
from tests.configs import composed
from tests.processes import only, script

METHODS = ("lrp", "grad_x_input")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("resnet20", num_classes=10, image_size=32).eval()


@pytest.fixture(scope="module")
def weights(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet20.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temple, a flower, and a copy of the flower of another format under the same name."""
    folder = tmp_path_factory.mktemp("photos")
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.jpg")
    Image.open(folder / "flower.jpg").save(folder / "flower.png")
    return folder


def explain(folder: Path, weights: Path, image: Path | str, *words: str, methods: tuple[str, ...] = METHODS) -> Path:
    sentence = (f"ckpt={weights}", f"image={image}", "logger=csv", "batch_size=2", *words)
    configs = [composed("visualize", folder, f"method={method}", *sentence) for method in methods]
    explain_photos(configs, weights)
    return Path(configs[0].run_dir)


def seen(path: Path) -> Tensor:
    """What the network gets, (1, 3, 32, 32)."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (Digits.mean, Digits.std))
    return ((middle_cut(32, 32)(read_photo(path)).float() / 255 - mean) / std)[None]


def heatmap(path: Path) -> tuple[Tensor, dict[str, str]]:
    with safe_open(path, "pt") as file:
        return file.get_tensor("heatmap"), file.metadata()


def test_every_photograph_gets_a_folder_with_what_the_methods_give(
    network: nn.Module, weights: Path, photos: Path, tmp_path: Path
) -> None:
    run = explain(tmp_path, weights, photos)
    summary = json.loads((run / "summary.json").read_text())
    assert [row["folder"] for row in summary["photos"]] == ["china", "flower", "flower-2"]
    assert summary["refused"] == []
    for row in summary["photos"]:
        images, folder = seen(Path(row["file"])), run / row["folder"]
        with torch.no_grad():
            probabilities = network(images).softmax(1)[0]
        top = probabilities.topk(5)
        assert [each["index"] for each in row["top"]] == top.indices.tolist()
        assert [each["probability"] for each in row["top"]] == pytest.approx(top.values.tolist(), rel=1e-4)
        assert (row["target_index"], row["target"]) == (int(top.indices[0]), str(int(top.indices[0])))
        for method in METHODS:
            stored, about = heatmap(folder / f"{method}.safetensors")
            expected = get_explainer(method, network)(images, None).sum(1)[0]
            torch.testing.assert_close(stored, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
            assert (about["file"], about["target"]) == (row["file"], row["target"])
        names = {
            f"{method}{kind}" for method in METHODS for kind in (".png", "_map.png", "_overlay.png", ".safetensors")
        }
        assert {path.name for path in folder.iterdir()} == {*names, "panel.png"}


def test_another_run_in_the_same_folder_leaves_no_pictures_of_the_first(
    weights: Path, photos: Path, tmp_path: Path
) -> None:
    run = explain(tmp_path, weights, photos / "china.jpg", methods=("grad_x_input",))
    explain(tmp_path, weights, photos / "china.jpg", methods=("gradient",))
    names = {"gradient.png", "gradient_map.png", "gradient_overlay.png", "gradient.safetensors"}
    assert {path.name for path in (run / "china").iterdir()} == names


def test_maps_from_a_file_are_looked_up_by_position(weights: Path, photos: Path, tmp_path: Path) -> None:
    maps = torch.rand(3, 32, 32)
    np.save(tmp_path / "maps.npy", maps.numpy())
    run = explain(tmp_path, weights, photos, f"method.path={tmp_path / 'maps.npy'}", methods=("file",))
    for position, name in enumerate(("china", "flower", "flower-2")):
        torch.testing.assert_close(heatmap(run / name / "file.safetensors")[0], maps[position])


def test_a_class_may_be_named(network: nn.Module, weights: Path, photos: Path, tmp_path: Path) -> None:
    run = explain(tmp_path, weights, photos / "china.jpg", "target=7", methods=("gradient",))
    (row,) = json.loads((run / "summary.json").read_text())["photos"]
    images = seen(photos / "china.jpg")
    assert (row["target"], row["target_index"]) == ("7", 7)
    with torch.no_grad():
        assert row["probability"] == pytest.approx(network(images).softmax(1)[0, 7].item(), rel=1e-4)
    stored, _ = heatmap(run / "china" / "gradient.safetensors")
    torch.testing.assert_close(stored, get_explainer("gradient", network)(images, 7).sum(1)[0], rtol=1e-3, atol=1e-5)
    assert not (run / "china" / "panel.png").exists()


def test_reduction_and_post_processing_are_those_of_the_test_images(
    weights: Path, photos: Path, tmp_path: Path
) -> None:
    words = ("reduction=abs_sum", "postprocess=[quantize]", "postprocess.quantize.levels=4")
    run = explain(tmp_path, weights, photos / "china.jpg", *words)
    for method in METHODS:
        stored, about = heatmap(run / "china" / f"{method}.safetensors")
        assert 1 < len(stored.unique()) <= 4
        assert stored.min() >= 0
        assert "reduction=abs_sum, quantize(levels=4)" in about["method"]


def test_with_no_cut_the_network_sees_the_pixels_of_the_file(network: nn.Module, weights: Path, tmp_path: Path) -> None:
    """Those of the middle, which would be resized if they had one more."""
    pixels = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.numpy()).save(tmp_path / "seen.png")
    run = explain(tmp_path, weights, tmp_path / "seen.png", "cut=none", methods=("gradient",))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (Digits.mean, Digits.std))
    images = ((pixels.permute(2, 0, 1).float() / 255 - mean) / std)[None]
    stored, _ = heatmap(run / "seen" / "gradient.safetensors")
    assert torch.equal(stored, get_explainer("gradient", network)(images, None).sum(1)[0])


@pytest.mark.parametrize("size", [(33, 32), (32, 31), (64, 64)])
def test_with_no_cut_a_picture_of_another_size_is_refused(weights: Path, size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size).save(tmp_path / "other.png")
    width, height = size
    words = rf"other\.png has {width} × {height} pixels; with cut=none it must have 32 × 32.*leave cut=none out"
    with pytest.raises(UserError, match=words):
        explain(tmp_path, weights, tmp_path / "other.png", "cut=none", methods=("gradient",))


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(weights: Path, photos: Path, tmp_path: Path, caplog) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / "broken.jpg").write_bytes((photos / "china.jpg").read_bytes()[:3000])
    (folder / "empty.png").touch()
    with pytest.raises(UserError, match=r"2 of 5 files were left out: .*broken\.jpg .* \(and 1 more\)"):
        explain(tmp_path, weights, folder, methods=("gradient",))
    run = tmp_path / "visualize" / "run"
    summary = json.loads((run / "summary.json").read_text())
    assert [Path(row["file"]).name for row in summary["refused"]] == ["broken.jpg", "empty.png"]
    assert len(summary["photos"]) == 3
    for name in ("broken.jpg", "empty.png"):
        assert f"left out: {folder / name}" in caplog.text


def test_nothing_to_explain_is_refused_before_anything_is_trained(weights: Path, tmp_path: Path) -> None:
    for words in (("no/such.jpg",), (tmp_path,), ("x.jpg", "target=cat")):
        with pytest.raises(UserError, match=str(words[0])):
            explain(tmp_path, weights, *words)
    assert not (tmp_path / "visualize").exists()


def test_a_map_that_is_not_finite_is_named_and_the_others_are_drawn(
    weights: Path, photos: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    def broken(_, images: Tensor, target: Tensor) -> Tensor:
        return torch.full_like(images, torch.nan)

    monkeypatch.setattr("relprop.explainers.gradient.GradientXInput.explain", broken)
    run = explain(tmp_path, weights, photos / "china.jpg")
    (row,) = json.loads((run / "summary.json").read_text())["photos"]
    assert row["not_finite"] == ["grad_x_input"]
    assert "china.jpg: method=grad_x_input gave NaN or infinite values" in caplog.text
    assert not list((run / "china").glob("grad_x_input*"))
    assert (run / "china" / "lrp.png").is_file()
    assert (run / "china" / "panel.png").is_file()


def test_maps_and_pictures_have_the_pixels_that_the_network_saw(weights: Path, photos: Path, tmp_path: Path) -> None:
    """The bare map is largest where the heatmap is."""
    run = explain(tmp_path, weights, photos / "flower.jpg", "reduction=abs_sum", methods=("gradient",))
    stored, _ = heatmap(run / "flower" / "gradient.safetensors")
    picture = np.asarray(Image.open(run / "flower" / "gradient_map.png").convert("RGB")).astype(int).sum(2)
    factor = picture.shape[0] // stored.shape[0]
    assert picture.shape == tuple(factor * side for side in stored.shape)
    pixels = picture[::factor, ::factor]
    assert np.corrcoef(pixels.ravel(), stored.numpy().ravel())[0, 1] > 0.9


def test_the_command_of_the_readme(weights: Path, photos: Path, tmp_path: Path) -> None:
    """Several methods, a glob, options that only one of them has."""
    words = ("method=[lrp,grad_x_input]", "skip=latest", f"image={photos}/flower.*", f"ckpt={weights}", "logger=csv")
    output = script("visualize", *words, cwd=tmp_path)
    run = only(tmp_path, "outputs/visualize/*")
    assert f"pictures and maps: {run}" in output
    assert "flower.png" in output
    _, about = heatmap(run / "flower-2" / "lrp.safetensors")
    assert "skip=latest" in about["method"]
    assert (run / "flower" / "panel.png").is_file()
    logged = {str(path.relative_to(run / "csv")) for path in (run / "csv").rglob("*.png")}
    assert logged >= {f"{folder}/{name}.png" for folder in ("flower", "flower-2") for name in ("lrp", "panel")}
