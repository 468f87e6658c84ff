"""Networks that cannot be opened, or only in part: said in one line, and nothing of theirs is run."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from relprop.demo.answers import first_picture, samples_or_reason, with_upload
from relprop.demo.choice import Choice
from relprop.demo.desk import Desk
from relprop.demo.looking import look
from relprop.errors import UserError
from relprop.runs import CONFIG
from tests.demo.rooms import opened, studio, write_run

GRADIENT = Choice(("gradient",))


class Evil:
    """Makes a file when it is unpickled by whoever does that."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_broken_or_malicious_checkpoint_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    best = write_run(tmp_path / "train" / "a")
    room, whole = studio(tmp_path), torch.load(best, weights_only=True)
    id, about = room.networks()[0].id, whole["hyper_parameters"]
    contents: list[Any] = [
        b"rubbish",
        {"state_dict": Evil(tmp_path / "evil"), "hyper_parameters": about},
        {**whole, "state_dict": {"network.x": torch.zeros(1)}},
        {**whole, "hyper_parameters": {**about, "class_names": 5}},
        {**whole, "hyper_parameters": {**about, "image_size": "large"}},
        {**whole, "hyper_parameters": {**about, "model": "resnet20"}},
    ]
    for number, content in enumerate(contents, start=1):
        if isinstance(content, bytes):
            best.write_bytes(content)
        else:
            torch.save(content, best)
        os.utime(best, (1_700_000_000 + number,) * 2)
        with pytest.raises(UserError):
            room.open(id)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": {"name": "nothing"}},
        {"dataset": {"name": "digits", "image_size": [3]}},
        {"model": {"name": "vgg11", "width": "wide"}},
    ],
)
def test_a_config_changed_by_hand_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_run(tmp_path / "train" / "a")
    config = OmegaConf.load(tmp_path / "train" / "a" / CONFIG)
    OmegaConf.save({**config, **change}, tmp_path / "train" / "a" / CONFIG)
    room = studio(tmp_path)
    with pytest.raises(UserError):
        room.open(room.networks()[0].id)


def test_words_that_hydra_does_not_understand_are_refused(tmp_path: Path) -> None:
    room = studio(tmp_path)
    with pytest.raises(UserError, match="'visualize dataset=nothing .*' means nothing: "):
        room.method(opened(words=("dataset=nothing",)), GRADIENT, "gradient")


def test_without_its_data_set_a_network_explains_photographs(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    write_run(tmp_path / "train" / "a", name="imagenet", data_dir=str(gone), image_size=64)
    room = studio(tmp_path, f"data_dir={gone}")
    network = room.open(room.networks()[0].id)
    assert network.data.class_names[0] == "tench"
    samples, reason = samples_or_reason(room, network)
    assert samples == [] and reason.startswith("no samples: ") and str(gone) in reason
    with pytest.raises(UserError, match="no samples: .*; give a photograph of your own"):
        first_picture(room, network, Desk())
    Image.new("RGB", (90, 70), (200, 10, 10)).save(tmp_path / "red.png")
    desk = with_upload(network, Desk(), tmp_path / "red.png")
    assert desk.picture is not None
    assert [*look(room, network, GRADIENT, desk.picture).heatmaps] == ["gradient"]
    assert first_picture(room, network, desk).upload == tmp_path / "red.png"


def test_a_folder_that_is_gone_takes_its_class_names_along(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in "ab":
        (photos / name).mkdir(parents=True)
    best = write_run(tmp_path / "train" / "a", name="folder", path=str(photos), image_size=32)
    room = studio(tmp_path)
    id = room.networks()[0].id
    assert room.open(id).data.class_names == ("a", "b")
    photos.rename(tmp_path / "moved")
    os.utime(best, (1_700_000_000,) * 2)
    with pytest.raises(UserError, match=f"There is no folder {photos}"):
        room.open(id)
