from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.weights import load_weights

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def folder(tmp_path):
    """Three training images and one test image per class; red is the class, green the position in it."""
    for part, count in (("train", 3), ("test", 1)):
        for label, name in enumerate(CLASSES):
            (tmp_path / "cifar10" / part / name).mkdir(parents=True)
            for i in range(count):
                image = Image.new("RGB", (32, 32), (label, i, 7))
                image.save(tmp_path / "cifar10" / part / name / f"{i:04}.png")
    return tmp_path


def test_folder_is_read_in_the_order_of_the_classes(folder):
    data = build_datamodule("cifar10", data_dir=folder)
    data.setup()
    assert data.class_names == CLASSES
    assert [len(data.split(split)) for split in ("train", "val", "test")] == [20, 10, 10]
    for split in ("train", "val", "test"):
        images = data.split(split)
        assert torch.equal(images.images[:, 0, 0, 0].long(), images.labels)
        assert (images.images[:, 2] == 7).all()
    assert data.split("train").images[:, 1, 0, 0].tolist() == [0, 1] * 10
    assert data.split("val").images[:, 1, 0, 0].tolist() == [2] * 10


def test_testing_does_not_need_the_training_images(folder):
    (folder / "cifar10" / "train").rename(folder / "elsewhere")
    data = build_datamodule("cifar10", data_dir=folder)
    data.setup("test")
    with pytest.raises(UserError, match=r"cifar10/train is missing; .*cifar10/\{train,test\}/CLASS"):
        data.setup("fit")


def test_missing_test_folder_is_named(folder):
    (folder / "cifar10" / "test").rename(folder / "elsewhere")
    with pytest.raises(UserError, match="cifar10/test is missing"):
        build_datamodule("cifar10", data_dir=folder).setup("test")


def test_empty_folder_is_named(tmp_path):
    (tmp_path / "cifar10" / "test").mkdir(parents=True)
    with pytest.raises(UserError, match="test/airplane is missing"):
        build_datamodule("cifar10", data_dir=tmp_path).setup("test")


def test_empty_class_folder_is_named(folder):
    (folder / "cifar10" / "test" / "frog" / "0000.png").unlink()
    with pytest.raises(UserError, match="test/frog is empty"):
        build_datamodule("cifar10", data_dir=folder).setup("test")


def test_unknown_class_folder_is_named_with_the_valid_ones(folder):
    (folder / "cifar10" / "test" / "lion").mkdir()
    with pytest.raises(UserError, match="test/lion is not a class of CIFAR-10; accepted are airplane, "):
        build_datamodule("cifar10", data_dir=folder).setup("test")


def test_corrupt_file_is_named(folder):
    (folder / "cifar10" / "test" / "dog" / "0000.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"dog/0000\.png cannot be decoded"):
        build_datamodule("cifar10", data_dir=folder).setup("test")


def test_image_of_another_size_is_named(folder):
    Image.new("RGB", (28, 32)).save(folder / "cifar10" / "test" / "dog" / "0000.png")
    with pytest.raises(UserError, match=r"dog/0000\.png has 28×32 pixels; CIFAR-10 has 32×32"):
        build_datamodule("cifar10", data_dir=folder).setup("test")


def test_original_is_downloaded_when_there_is_no_folder(tmp_path, monkeypatch):
    def download(root, train, download):
        assert (root, download) == (tmp_path, True)
        labels = [*range(10)] * (20 if train else 1)
        pixels = np.array(labels, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 32, 32, 3), dtype=np.uint8)
        return SimpleNamespace(data=pixels, targets=labels)

    monkeypatch.setattr(datasets, "CIFAR10", download)
    data = build_datamodule("cifar10", data_dir=tmp_path)
    data.setup()
    assert [len(data.split(split)) for split in ("train", "val", "test")] == [180, 20, 10]
    assert data.split("val").labels.bincount().tolist() == [2] * 10
    train = data.split("train")
    assert train.images.shape == (180, 3, 32, 32)
    assert torch.equal(train.images[:, 0, 0, 0].long(), train.labels)


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise URLError("no route\nto host")

    monkeypatch.setattr(datasets.CIFAR10, "download", unreachable)
    with pytest.raises(UserError, match=r"could not be downloaded.*cifar-10-python\.tar\.gz into ") as caught:
        build_datamodule("cifar10", data_dir=tmp_path).setup("test")
    assert "\n" not in str(caught.value)
    assert "cifar10/{train,test}/CLASS" in str(caught.value)


@pytest.mark.data
@pytest.mark.weights
def test_published_network_reaches_its_accuracy_on_the_jpeg_copy(data_dir, weights_dir):
    data = build_datamodule("cifar10", data_dir=data_dir, limit=1000, batch_size=250)
    model = build_model("resnet20", num_classes=10, image_size=32).eval()
    load_weights(model, next(weights_dir.glob("resnet20-*.th")))
    correct = 0
    with torch.inference_mode():
        for batch in map(data.on_after_batch_transfer, data.test_dataloader()):
            correct += int((model(batch.images).argmax(1) == batch.labels).sum())
    assert correct / 1000 == pytest.approx(0.814, abs=0.015)
