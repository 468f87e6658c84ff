"""What changes the hash of the test images, and what does not."""

import os
from pathlib import Path
from shutil import copytree

import pytest
import torch
from PIL import Image
from tests.data.small_cub import data_of, small_cub
from torch import Tensor

from relprop.data import build_datamodule
from relprop.data.annotated import AnnotatedPhotos
from relprop.data.base import ImageDataModule, Split
from relprop.data.cuts import photo_cut
from relprop.data.files import UnreadableImageError
from relprop.data.imagenet import ImageNet
from relprop.data.images import ImageSet
from relprop.data.memory import TensorImages
from relprop.data.photos import Photos
from relprop.data.wnids import WNIDS

IMAGES = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).view(4, 3, 2, 2)
LABELS = torch.tensor([0, 1, 0, 2])
NAMES = ["a.png", "b.png", "c.png", "d.png"]
BOXES, PARTS = torch.arange(16.0).view(4, 4), torch.ones(4, 2, 3)


def changed(values: Tensor, *place: int) -> Tensor:
    """One more at this place."""
    copy = values.clone()
    copy[place] += 1
    return copy


def test_one_value_of_an_image_in_memory_or_a_label_or_the_shape_counts() -> None:
    sets = [
        TensorImages(IMAGES, LABELS),
        TensorImages(changed(IMAGES, 3, 2, 1, 1), LABELS),
        TensorImages(IMAGES, changed(LABELS, 2)),
        TensorImages(IMAGES.reshape(4, 3, 1, 4), LABELS),
    ]
    assert len({images.fingerprint(range(4)) for images in sets}) == len(sets)
    copy = TensorImages(IMAGES.clone(), LABELS.clone())
    assert copy.fingerprint(range(4)) == sets[0].fingerprint([0, 1, 2, 3])


def test_choice_and_order_count_and_other_images_do_not() -> None:
    images = TensorImages(IMAGES, LABELS)
    chosen = [[0, 1], [1, 0], [0], [0, 2], [0, 1, 1], []]
    assert len({images.fingerprint(positions) for positions in chosen}) == len(chosen)
    assert TensorImages(changed(IMAGES, 3, 0, 0, 0), changed(LABELS, 3)).fingerprint([0, 1]) == images.fingerprint(
        [0, 1]
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Four files, of which none is an image: decoding one would fail."""
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode() * 100)
    return tmp_path


def photos(folder: Path, labels: Tensor = LABELS, size: int = 8, seed: int | None = None) -> Photos:
    return Photos(folder, NAMES, labels, photo_cut(seed is not None, size), seed)


def test_files_count_as_they_are(files: Path) -> None:
    before = photos(files).fingerprint(range(4))
    others = [photos(files, changed(LABELS, 0)), photos(files, size=9), photos(files, seed=0), photos(files, seed=1)]
    assert len({before, *(images.fingerprint(range(4)) for images in others)}) == 1 + len(others)
    copytree(files, files / "elsewhere")
    os.utime(files / "a.png", (1, 1))
    assert {photos(folder).fingerprint(range(4)) for folder in (files, files / "elsewhere")} == {before}
    (files / "d.png").write_bytes(b"d.png" * 99 + b"e.png")
    assert photos(files).fingerprint(range(4)) != before
    assert photos(files).fingerprint(range(3)) == photos(files / "elsewhere").fingerprint(range(3))


def test_one_image_is_not_taken_for_two(files: Path) -> None:
    """Not even if its file holds all that comes between those of two."""
    two = photos(files, labels=LABELS * 0)
    before = two.fingerprint([0, 1])
    file, how = two.content(0)
    (files / "a.png").write_bytes(file + how + b"0" + two.content(1)[0])
    assert two.fingerprint([0]) != before


@pytest.mark.parametrize(("make", "reason"), [(Path.mkdir, "Is a directory"), (str, "No such file or directory")])
def test_a_file_that_cannot_be_read_is_named(make, reason: str, files: Path) -> None:
    (files / "b.png").unlink()
    make(files / "b.png")
    with pytest.raises(
        UnreadableImageError, match=rf"/b\.png cannot be read \({reason}\); replace the file or delete it"
    ):
        photos(files).fingerprint(range(4))


def annotated(folder: Path, boxes: Tensor = BOXES, parts: Tensor | None = PARTS) -> ImageSet:
    return AnnotatedPhotos(folder, NAMES, LABELS, photo_cut(False, 8), boxes, parts)


def test_boxes_and_parts_count(files: Path) -> None:
    sets = [
        annotated(files),
        annotated(files, changed(BOXES, 3, 3)),
        annotated(files, parts=changed(PARTS, 3, 1, 2)),
        annotated(files, parts=None),
        photos(files),
    ]
    assert len({images.fingerprint(range(4)) for images in sets}) == len(sets)
    assert len({images.fingerprint(range(3)) for images in sets[:3]}) == 1


def test_of_real_digits_only_what_is_explained_counts() -> None:
    def of(**options: int) -> str:
        return build_datamodule("digits", **options).test_fingerprint()

    expected = of(limit=20)
    assert {of(limit=20, batch_size=3), of(limit=20, seed=5), of(limit=20, num_workers=1)} == {expected}
    others = [of(), of(limit=21), of(per_class=2), of(per_class=2, seed=1)]
    assert len({expected, *others}) == 1 + len(others)
    assert of(limit=360) == of(limit=1000) == of()


@pytest.mark.parametrize("wrong", [{"mean": (0.3, 0.3, 0.3)}, {"std": (0.3, 0.3, 0.3)}, {"image_size": 33}])
def test_normalisation_and_size_count(wrong: dict) -> None:
    data = build_datamodule("digits", limit=2)
    before = data.test_fingerprint()
    for name, value in wrong.items():
        setattr(data, name, value)
    assert data.test_fingerprint() != before


class Twins(ImageDataModule):
    """The same image twice, with the same label."""

    name, class_names, image_size = "twins", ("one",), 2
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def load(self, split: Split) -> dict[Split, ImageSet]:
        return {split: TensorImages(IMAGES[:1].repeat(2, 1, 1, 1), torch.tensor([0, 0]))}


def test_another_place_among_the_images_counts() -> None:
    """Rows name images by it; which of the two is drawn, the seed decides."""
    drawn = [Twins(per_class=1, seed=seed) for seed in range(8)]
    places = [data.test_batches()[0][0] for data in drawn]
    assert set(places) == {0, 1}
    assert drawn[0].split("test").fingerprint([0]) == drawn[0].split("test").fingerprint([1])
    assert len({(place, data.test_fingerprint()) for place, data in zip(places, drawn, strict=True)}) == 2
    assert len({data.test_fingerprint() for data in drawn}) == 2


def test_of_photographs_one_pixel_counts_and_the_folder_does_not(tmp_path: Path) -> None:
    def data(root: str, **options: int) -> ImageNet:
        return build_datamodule("imagenet", data_dir=tmp_path / root, **options)

    for number, wnid in enumerate(WNIDS[:2]):
        folder = tmp_path / "here" / "imagenet" / "val" / wnid
        folder.mkdir(parents=True)
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / "a.png")
    copytree(tmp_path / "here", tmp_path / "there")
    expected = data("here").test_fingerprint()
    assert {data("there").test_fingerprint(), data("here", num_workers=1, batch_size=1).test_fingerprint()} == {
        expected
    }
    assert data("here", image_size=64).test_fingerprint() != expected
    with Image.open(folder / "a.png") as image:
        image.putpixel((3, 4), (0, 0, 1))
        image.save(folder / "a.png")
    assert data("here").test_fingerprint() != expected


def test_of_birds_a_box_counts(tmp_path: Path) -> None:
    folder = small_cub(tmp_path / "CUB_200_2011")
    whole, few = data_of(folder).test_fingerprint(), data_of(folder, per_class=2).test_fingerprint()
    boxes = folder / "bounding_boxes.txt"
    boxes.write_text(boxes.read_text().replace(" 1.5 100.0", " 1.5 99.0"))  # of the first bird, which is of the test
    assert data_of(folder).test_fingerprint() != whole != few
