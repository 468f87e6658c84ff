import csv
from importlib.resources import files

import pytest
import torch
from PIL import Image
from torchvision.datasets import Imagenette

from relprop.data import build_datamodule
from relprop.data.imagenet import ImageNet
from relprop.errors import UserError

WNIDS = files("timm.data._info").joinpath("imagenet_synsets.txt").read_text().split()


@pytest.fixture
def folder(tmp_path):
    """Two images of each of three classes; red is the class divided by ten."""
    for part in ("train", "val"):
        for label in (3, 500, 999):
            (tmp_path / "imagenet" / part / WNIDS[label]).mkdir(parents=True)
            for i in range(2):
                image = Image.new("RGB", (300 + i, 280), (label // 10, 100, 200))
                image.save(tmp_path / "imagenet" / part / WNIDS[label] / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize("loader", ["train_dataloader", "val_dataloader", "test_dataloader"])
def test_class_index_is_the_position_among_all_wnids(folder, loader):
    data = build_datamodule("imagenet", data_dir=folder, batch_size=6)
    (batch,) = getattr(data, loader)()
    assert batch.images.shape == (6, 3, 224, 224)
    assert batch.images.dtype == torch.uint8
    assert sorted(batch.labels.tolist()) == [3, 3, 500, 500, 999, 999]
    assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.labels // 10)
    assert sorted(batch.indices.tolist()) == list(range(6))


def test_names_and_wnids_are_those_of_torchvisions_weights():
    names = build_datamodule("imagenet").class_names
    assert (len(names), names[0], names[999]) == (1000, "tench", "toilet tissue")
    assert list(ImageNet.wnids) == WNIDS == sorted(WNIDS)
    for wnid, (name, *_) in Imagenette._WNID_TO_CLASS.items():
        found = names[ImageNet.wnids.index(wnid)]
        assert found.lower() == name.lower()


def test_centre_is_cut_from_the_short_side_of_256(folder):
    file = folder / "imagenet" / "val" / WNIDS[3] / "0.png"
    image = Image.new("L", (512, 1024))
    image.paste(255, (32, 288, 480, 736))  # the middle 448 pixels, which become 224
    image.save(file)
    batch = build_datamodule("imagenet", data_dir=folder).split("val").__getitems__([0])
    assert (batch.images > 120).all()


def test_testing_does_not_need_the_training_images(folder):
    (folder / "imagenet" / "train").rename(folder / "elsewhere")
    data = build_datamodule("imagenet", data_dir=folder)
    data.setup("test")
    with pytest.raises(UserError, match=r"There is no ImageNet at \S+imagenet/train; request it"):
        data.setup("fit")


def test_missing_data_set_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(UserError, match=r"no ImageNet at \S+/val; .*image-net\.org"):
        build_datamodule("imagenet", data_dir=tmp_path).setup("test")


def test_archive_that_is_not_unpacked_comes_with_the_command(tmp_path):
    (tmp_path / "imagenet").mkdir()
    for part, stage in (("val", "test"), ("train", "fit")):
        (tmp_path / "imagenet" / f"ILSVRC2012_img_{part}.tar").touch()
        command = rf"from torchvision.datasets import ImageNet; ImageNet\('{tmp_path}/imagenet', '{part}'\)"
        with pytest.raises(UserError, match=rf'ILSVRC2012_img_{part}\.tar, .* python -c "{command}"$'):
            build_datamodule("imagenet", data_dir=tmp_path).setup(stage)


def test_folder_that_is_no_class_is_named(folder):
    (folder / "imagenet" / "val" / "tench").mkdir()
    with pytest.raises(UserError, match="val/tench is not a class of ImageNet"):
        build_datamodule("imagenet", data_dir=folder).setup("test")


def test_empty_folder_is_named(folder):
    (folder / "imagenet" / "val").rename(folder / "elsewhere")
    (folder / "imagenet" / "val").mkdir()
    with pytest.raises(UserError, match="val is empty"):
        build_datamodule("imagenet", data_dir=folder).setup("test")


# Python warns of any fork in a process with threads, as torch's is.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("num_workers", [0, 1])
def test_corrupt_file_is_named_from_a_worker_too(folder, num_workers):
    (folder / "imagenet" / "val" / WNIDS[500] / "1.png").write_bytes(b"not a picture")
    data = build_datamodule("imagenet", data_dir=folder, num_workers=num_workers)
    with pytest.raises(UserError) as caught:
        list(data.test_dataloader())
    file = folder / "imagenet" / "val" / WNIDS[500] / "1.png"
    assert str(caught.value).startswith(f"{file} cannot be decoded as an image")
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_labels_of_the_real_sample(data_dir):
    data = build_datamodule("imagenet", data_dir=data_dir)
    images = data.split("test")
    with (data_dir / "imagenet" / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert images.labels.tolist() == [int(row["index"]) for row in rows]
    assert [str(name) for name in images.names] == [f"{row['wnid']}/{row['file']}" for row in rows]
    same = sum(row["name"].lower() == name.lower() for row, name in zip(rows, data.class_names, strict=True))
    assert same > 900  # a few of the 1,000 are named otherwise in the list
    assert images.__getitems__([0, 1]).images.shape == (2, 3, 224, 224)
