"""Photographs held in memory are those of the files."""

import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.data.training_batches import training_batches

from relprop.data import build_datamodule, held_photos
from relprop.data.base import ImageDataModule


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of ten photographs of many sizes."""
    path = tmp_path_factory.mktemp("photos")
    for c, name in enumerate(("ferns", "snow")):
        (path / name).mkdir()
        for i in range(10):
            size = (40 + 7 * i, 90 - 5 * i - c)
            Image.effect_mandelbrot(size, (-2 + i / 9, -1, 1, 1 - c / 2), 60).convert("RGB").save(
                path / name / f"{i}.png"
            )
    return path


def data(folder: Path, **options: object) -> ImageDataModule:
    return build_datamodule("folder", path=folder, image_size=28, batch_size=4, **options)


def of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_photos, "MOST_BYTES", 0)


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_see_the_same_pixels_either_way(split: str, folder: Path, monkeypatch) -> None:
    held, filters = data(folder), list(warnings.filters)
    assert not held.lazy
    in_memory = [held.on_after_batch_transfer(batch) for batch in getattr(held, f"{split}_dataloader")()]
    assert held.split(split).images.shape[-2:] == (32, 32)
    assert warnings.filters == filters  # the threads that decode silence Pillow's, each for itself
    of_files(monkeypatch)
    read = data(folder)
    assert read.lazy
    from_files = [read.on_after_batch_transfer(batch) for batch in getattr(read, f"{split}_dataloader")()]
    for a, b in zip(in_memory, from_files, strict=True):
        assert a.images.shape[1:] == (3, 28, 28)
        assert torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)


@pytest.mark.parametrize("held", [True, False])
def test_augmentation_is_that_of_seed_epoch_and_image(held: bool, folder: Path, monkeypatch) -> None:
    if not held:
        of_files(monkeypatch)
    first = training_batches(data(folder, seed=3), epochs=2)
    torch.manual_seed(99)
    again = training_batches(data(folder, seed=3, num_workers=2), epochs=2)
    other = training_batches(data(folder, seed=4), epochs=1)
    count = len(data(folder).listings["train"].names)
    assert first.keys() == again.keys() == {(epoch, i) for epoch in (0, 1) for i in range(count)}
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert sum(torch.equal(first[0, i], first[1, i]) for i in range(count)) == 0
    assert sum(torch.equal(first[0, i], other[0, i]) for i in range(count)) == 0


def test_a_batch_of_its_own_changes_no_image(folder: Path) -> None:
    small = training_batches(data(folder), epochs=1)
    large = build_datamodule("folder", path=folder, image_size=28, batch_size=16)
    assert all(torch.allclose(small[key], image, atol=1e-6) for key, image in training_batches(large, epochs=1).items())
