"""What is downloaded: the pixels that the network saw, and a command that makes the same picture and maps again."""

import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from relprop.data import build_datamodule
from relprop.demo.downloads import Downloads, write_downloads
from relprop.errors import UserError
from relprop.experiment.building import options_of
from relprop.experiment.method import build_method, describe_method
from relprop.experiment.photo_files import Explained
from relprop.experiment.photographs import Looker, Photo
from relprop.models import build_model
from relprop.sentences import hydra_word, words_by_method
from tests.configs import CONF, SCRIPTS, composed
from tests.processes import only, run

CLASSES = ("cat", "dog", "bird")
MAP = torch.linspace(-1, 1, 64).view(8, 8)
PIXELS = torch.arange(192, dtype=torch.uint8).view(3, 8, 8)


def explained(image: Tensor = PIXELS / 255, **heatmaps: Tensor) -> Explained:
    return Explained(Path("cat.jpg"), image, 1, 0.75, [(1, 0.75), (0, 0.25)], heatmaps or {"lrp": MAP})


def downloads(folder: Path, what: Explained, *words: str, class_names: tuple[str, ...] = CLASSES) -> Downloads:
    said = {name: f"{name} as said" for name in what.heatmaps}
    return write_downloads(folder, what, said, "resnet20 on pets", class_names, words)


def test_the_input_has_the_pixels_and_every_map_its_file(tmp_path: Path) -> None:
    written = downloads(tmp_path, explained(lrp=MAP, gradient=MAP.abs()))
    with Image.open(written.input) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), PIXELS.permute(1, 2, 0).numpy())
    assert [path.name for path in written.maps] == ["lrp.safetensors", "gradient.safetensors"]
    for path, heatmap in zip(written.maps, (MAP, MAP.abs()), strict=True):
        assert torch.equal(stored(path)[0], heatmap)
    assert written.picture.name == "panel.png"
    assert downloads(tmp_path, explained()).picture == tmp_path / "input" / "lrp.png"
    assert written.picture.parent.is_dir()


def test_all_256_values_are_kept(tmp_path: Path) -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3).view(3, 16, 16)
    written = downloads(tmp_path, explained(pixels.float() / 255, lrp=torch.ones(16, 16)))
    np.testing.assert_array_equal(np.asarray(Image.open(written.input)), pixels.permute(1, 2, 0).numpy())


def test_the_command_is_one_line_that_shell_and_hydra_read_as_it_is_meant(tmp_path: Path) -> None:
    folder = tmp_path / "it's, [a] $HOME = “b”"
    words = (hydra_word("ckpt", "outputs/a b/best.ckpt"), "method=[lrp,gradcam]", "method.relevance_filter=0.5")
    command = downloads(folder, explained(), *words).command
    assert "\n" not in command
    python, *rest = shlex.split(command)
    assert (python, rest[0], rest[1:4]) == ("python", "scripts/visualize.py", [*words])
    config = composed("visualize", tmp_path, *rest[1:])
    assert (config.image, config.cut, config.target) == (str(folder / "input.png"), "none", 1)
    assert config.ckpt == "outputs/a b/best.ckpt"


@pytest.mark.parametrize(
    ("class_names", "word"),
    [(("0", "1", "2"), "target=1"), (("1", "10", "2"), "target='10'"), (("a", "b, c", "1"), "target='b, c'")],
)
def test_the_class_is_named_where_its_index_is_another_ones_name(
    class_names: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    command = downloads(tmp_path, explained(), class_names=class_names).command
    assert shlex.split(command)[-1] == word


def test_a_map_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    broken = torch.full((8, 8), torch.nan)
    written = downloads(tmp_path, explained(lrp=MAP, gradient=broken))
    assert [path.name for path in written.maps] == ["lrp.safetensors"]
    assert written.picture.name == "panel.png"
    assert written.picture.is_file()
    with pytest.raises(UserError, match="lrp, gradient gave NaN or infinite values; choose another method"):
        downloads(tmp_path / "none", explained(lrp=broken, gradient=broken))
    assert not (tmp_path / "none").exists()


def test_an_image_that_no_file_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be made of 8-bit values"):
        downloads(tmp_path, explained(PIXELS / 255 + 1e-3))
    assert not list(tmp_path.iterdir())


def stored(path: Path) -> tuple[Tensor, dict[str, str]]:
    with safe_open(path, "pt") as file:
        return file.get_tensor("heatmap"), file.metadata()


CHOICES = {
    "one method": ("method=gradcam",),
    "two methods": (
        "method=[lrp,integrated_gradients]",
        "composite=epsilon_plus",
        "skip=latest",
        "method.relevance_filter=0.25",
        "method.steps=4",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_the_command_makes_the_same_picture_and_maps(choice: str, tmp_path: Path) -> None:
    """Of an input with a painted square, by the script that it names, in a shell."""
    ckpt = tmp_path / "its weights, [1].pth"
    torch.manual_seed(0)
    torch.save(build_model("resnet20", num_classes=10, image_size=32).state_dict(), ckpt)
    words = [hydra_word("ckpt", str(ckpt)), *CHOICES[choice], "logger=csv"]
    what, said = look(words, tmp_path)
    written = write_downloads(tmp_path / "down loads", what, said, "resnet20 on digits", tuple("0123456789"), words)

    (tmp_path / "scripts").symlink_to(SCRIPTS)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run("bash", "-c", written.command, cwd=tmp_path, PATH=path)
    again = only(tmp_path, "outputs/visualize/*/input")
    assert (again / written.picture.name).read_bytes() == written.picture.read_bytes()
    for each in written.maps:
        (ours, about), (theirs, about_theirs) = stored(each), stored(again / each.name)
        assert about == about_theirs
        assert torch.equal(ours, theirs)


def look(words: list[str], folder: Path) -> tuple[Explained, dict[str, str]]:
    """What the methods show of a noisy picture with a grey square, for class 3, and how they are called."""
    configs = {name: composed("visualize", folder, *said) for name, said in words_by_method(words, CONF).items()}
    data, network = build_datamodule("digits"), build_model("resnet20", num_classes=10, image_size=32).eval()
    network.load_state_dict(torch.load(next(iter(configs.values())).ckpt, weights_only=True))
    methods = {name: build_method(config, network, data, options_of(config.method)) for name, config in configs.items()}
    pixels = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[:, 8:16, 8:24] = 128
    looker = Looker(network, methods, data, 3, torch.device("cpu"), "none")
    (what,) = looker([Photo(Path("photo.jpg"), 0, pixels)])
    return what, {name: describe_method(config, methods[name].pipeline) for name, config in configs.items()}
