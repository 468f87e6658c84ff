"""Samples are test images as the network sees them, of all classes, the same always."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from relprop.data import build_datamodule
from relprop.demo.samples import COUNT, samples_of
from relprop.errors import UserError
from tests.demo.rooms import DIGITS


def test_samples_are_test_images_of_all_classes() -> None:
    samples, images = samples_of(DIGITS), DIGITS.split("test")
    assert len(samples) == COUNT and {sample.label for sample in samples} == {*DIGITS.class_names}
    assert [sample.position for sample in samples] == sorted({sample.position for sample in samples})
    for sample in samples:
        batch = images.__getitems__([sample.position])
        assert torch.equal(sample.pixels, batch.images[0]) and sample.pixels.dtype == torch.uint8
        assert sample.label == DIGITS.class_names[batch.labels[0]]
    again = samples_of(build_datamodule("digits", seed=1))
    assert [sample.position for sample in again] == [sample.position for sample in samples]


def test_of_photographs_they_are_cut_as_the_network_sees_them(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for number, name in enumerate(("a", "b")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(2):
                Image.new("RGB", (90, 60 + i), (100 * number, 0, 0)).save(tmp_path / part / name / f"{i}.png")
    samples = samples_of(build_datamodule("folder", path=tmp_path, image_size=32))
    assert [(sample.label, tuple(sample.pixels.shape)) for sample in samples] == [
        ("a", (3, 32, 32)),
        ("a", (3, 32, 32)),
        ("b", (3, 32, 32)),
        ("b", (3, 32, 32)),
    ]
    assert [int(sample.pixels[0].float().mean().round()) for sample in samples] == [0, 0, 100, 100]


def test_a_data_set_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=str(tmp_path)):
        samples_of(build_datamodule("imagenet", data_dir=tmp_path))
