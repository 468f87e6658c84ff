"""Networks and methods at hand: those that `visualize.py` would make of the same words, kept, and never stale."""

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from relprop.adopting import adopted
from relprop.data import build_datamodule
from relprop.data.memory import TensorImages
from relprop.demo import studio as module
from relprop.demo.choice import Choice
from relprop.demo.looking import look
from relprop.demo.networks import pretrained
from relprop.demo.studio import Opened
from relprop.errors import UserError
from relprop.experiment.building import options_of
from relprop.experiment.fitting import images_for_patterns
from relprop.experiment.method import build_method
from relprop.explainers import get_explainer
from relprop.lrp import fit_patterns
from tests.configs import composed
from tests.demo.rooms import DIGITS, normalised, opened, picture, pixels, small_network, studio, write_run

IMAGES = normalised(pixels())
TARGET = torch.tensor([3])
GRADIENT = Choice(("gradient",))


def first_weight(network: nn.Module) -> torch.Tensor:
    return next(network.parameters())


def replaced(best: Path, seed: int) -> None:
    """Another training ends in the same folder, later."""
    before = best.stat().st_mtime_ns
    write_run(best.parents[1], seed=seed)
    os.utime(best, ns=(before + 10**9,) * 2)


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[DictConfig]:
    """Those that methods are built from."""
    found: list[DictConfig] = []

    def noted(config: DictConfig, *rest: Any) -> Any:
        found.append(config)
        return build_method(config, *rest)

    monkeypatch.setattr(module, "build_method", noted)
    return found


def test_methods_are_those_of_visualize_in_the_same_words(tmp_path: Path, configs: list[DictConfig]) -> None:
    best = write_run(tmp_path / "train" / "a", data_dir="elsewhere")
    shared = ("seed=3", "method.eps=0.01", "method.max_batch=4", "reduction=abs_sum", "postprocess=[normalize]")
    room = studio(tmp_path, *shared, "trainer.enable_progress_bar=false", f"output_dir={tmp_path}")
    network = room.open(room.networks()[0].id)
    choice = Choice(("lrp", "gradcam"), "epsilon_plus", "simple", 0.25, target=3)
    sentence = room.sentence(network, choice)
    assert sentence == [
        f"ckpt={best}",
        *room.words,
        "method=[lrp,gradcam]",
        "composite=epsilon_plus",
        "skip=simple",
        "method.relevance_filter=0.25",
    ]
    mine = {
        "lrp": [*shared, "method=lrp", "composite=epsilon_plus", "skip=simple", "method.relevance_filter=0.25"],
        "gradcam": [word for word in shared if "eps" not in word]
        + ["method=gradcam", "composite=epsilon_plus", "skip=simple"],
    }
    for name, words in mine.items():
        named = room.method(network, choice, name)
        words = [f"ckpt={best}", *words]
        config = adopted(composed("visualize", tmp_path, *words), words)
        assert OmegaConf.to_container(configs[-1]) == OmegaConf.to_container(config) | {"run_dir": str(room.run_dir)}
        assert (config.model.name, config.model.width) == ("vgg11", 0.125)
        method = build_method(config, network.network, DIGITS, options_of(config.method))
        assert torch.equal(named.method(IMAGES, TARGET), method(IMAGES, TARGET))
        assert named.said.startswith(name) and "reduction=abs_sum" in named.said and "normalize" in named.said


def test_options_that_no_chosen_method_has_are_left_out(tmp_path: Path) -> None:
    room = studio(tmp_path, "seed=1", "method.eps=0.01", "method.max_batch=4")
    small = opened(words=("model=vgg11",))
    for methods, kept in {
        ("gradcam",): "method.max_batch=4",
        ("sobel",): "",
        ("sobel", "gradcam"): "method.max_batch=4",
    }.items():
        said = room.sentence(small, Choice(methods))
        assert said == ["model=vgg11", "seed=1", *filter(None, [kept]), *Choice(methods).words]
    assert "method.eps=0.01" in room.sentence(small, Choice(("sobel", "lrp")))


def test_networks_and_methods_are_kept_and_not_mixed_up(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        write_run(tmp_path / "train" / name, seed=seed)
    room = studio(tmp_path)
    first, second = (room.open(each.id) for each in room.networks())
    assert room.open(first.listed.id) is first and room.open(second.listed.id) is second
    assert not torch.equal(first_weight(first.network), first_weight(second.network))
    mine, theirs = (room.method(each, GRADIENT, "gradient") for each in (first, second))
    assert mine.method.explainer.model is first.network and theirs.method.explainer.model is second.network
    assert room.method(first, Choice(("gradient",), target=3, composite="zplus"), "gradient") is mine  # it has neither
    assert first.name == "vgg11 on digits" and first.device.type == "cpu" and not first.network.training


def test_of_networks_and_methods_only_the_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NETWORKS", 1)
    monkeypatch.setattr(module, "METHODS", 1)
    for seed, name in enumerate("ab"):
        write_run(tmp_path / "train" / name, seed=seed)
    room, two = studio(tmp_path), Choice(("gradient", "sobel"))
    first = room.open(room.networks()[0].id)
    kept = {name: room.method(first, two, name) for name in two.methods}
    assert room.method(first, two, "sobel") is kept["sobel"]
    assert room.method(first, two, "gradient") is not kept["gradient"]
    second = room.open(room.networks()[1].id)
    assert len(room._opened) == 1 and not room._methods  # methods would keep their network
    assert room.open(second.listed.id) is second
    assert room.open(first.listed.id) is first  # somebody has it yet: no second copy is made
    room.open(second.listed.id)
    gone, weights = first.listed.id, weakref.ref(first.network)
    del first, kept
    gc.collect()
    assert weights() is None  # what nobody has is not kept
    assert room.open(gone).listed.id == gone


def test_a_replaced_checkpoint_is_read_anew(tmp_path: Path) -> None:
    best = write_run(tmp_path / "train" / "a")
    room = studio(tmp_path)
    id = room.networks()[0].id
    before = room.open(id)
    old = room.method(before, GRADIENT, "gradient")
    replaced(best, seed=1)
    after = room.open(id)
    expected = next(iter(torch.load(best, weights_only=True)["state_dict"].values()))
    assert torch.equal(first_weight(after.network), expected)
    assert not torch.equal(first_weight(before.network), expected)
    assert room.method(after, GRADIENT, "gradient").method.explainer.model is after.network
    assert old.method.explainer.model is before.network
    best.unlink()
    with pytest.raises(UserError, match="is gone; choose another"):
        room.open(id)
    with pytest.raises(UserError, match="there is no checkpoint below"):
        room.networks()


def test_networks_trained_meanwhile_can_be_opened(tmp_path: Path) -> None:
    write_run(tmp_path / "train" / "a")
    room = studio(tmp_path)
    known = {each.id for each in room.networks()}
    write_run(tmp_path / "train" / "b")
    (new,) = [each.id for each in studio(tmp_path).networks() if each.id not in known]
    assert room.open(new).listed.id == new
    for odd in (None, "", 3, ["a"], str(tmp_path / "train" / "a" / "checkpoints" / "best.ckpt"), "../../x"):
        with pytest.raises(UserError, match="no such network"):
            room.open(odd)


def test_patterns_are_fitted_once_for_each_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = build_datamodule("digits", batch_size=16)
    few._splits["train"] = TensorImages(DIGITS.split("test").images[:48], DIGITS.split("test").labels[:48])
    monkeypatch.setattr(module, "images_for_patterns", lambda config: few if images_for_patterns(config) else None)
    room, choice = studio(tmp_path), Choice(("lrp",), "pattern_attribution")
    small = opened(words=("model=vgg11",))
    found = look(room, small, choice, picture())
    batches = map(DIGITS.on_after_batch_transfer, few.train_dataloader())
    explainer = get_explainer(
        "lrp", small_network(), composite="pattern_attribution", patterns=fit_patterns(small_network(), batches)
    )
    torch.testing.assert_close(found.heatmaps["lrp"], explainer(IMAGES, found.target).sum(1)[0], rtol=1e-3, atol=1e-6)
    (file,) = room.run_dir.glob("patterns-*")
    written = file.stat().st_mtime_ns
    again = look(studio(tmp_path), small, choice, picture())
    assert torch.equal(again.heatmaps["lrp"], found.heatmaps["lrp"]) and file.stat().st_mtime_ns == written
    fitted: list[Path] = []
    monkeypatch.setattr(module, "fitted_patterns", lambda *given, **_: fitted.append(given[3]) or str(file))
    newer = Opened(small.listed, ("small", 1), small.name, small.network, small.data, small.device)
    room.method(newer, choice, "lrp")
    assert fitted[0].parent == file.parent and fitted[0].name != file.name


@pytest.mark.weights
def test_torchvisions_weights_are_opened_by_name(
    tmp_path: Path, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    file = weights_dir / "squeezenet1_0_deepcompression_torchvision.pth"
    (tmp_path / "hub" / "checkpoints" / "squeezenet1_0-b66bff10.pth").symlink_to(file)
    words = ("dataset=imagenet", "model=squeezenet1_0")
    room = studio(tmp_path, own=pretrained(composed("demo", tmp_path, *words), words))
    network = room.open(room.networks()[0].id)
    assert network.name == "squeezenet1_0 on imagenet" and len(network.data.class_names) == 1000
    state = torch.load(file, weights_only=True)
    assert torch.equal(network.network.state_dict()["features.0.weight"], state["features.0.weight"])
    assert room.sentence(network, GRADIENT) == [*words, "method=gradient"]
