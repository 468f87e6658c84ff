"""The registry of data sets."""

import pytest

from relprop.data import ImageDataModule, build_datamodule, list_datasets
from relprop.errors import UserError


# Any folder has classes of its own: tests/data/test_folder.py
@pytest.mark.parametrize("name", [name for name in list_datasets() if name != "folder"])
def test_every_data_set_describes_itself_before_anything_is_read(name, tmp_path):
    data = build_datamodule(name, data_dir=tmp_path)
    assert isinstance(data, ImageDataModule)
    assert data.name == name
    assert data.num_classes == len(data.class_names) == len(set(data.class_names))
    assert data.image_size % 16 == 0
    assert len(data.mean) == len(data.std) == 3
    assert list(tmp_path.iterdir()) == []


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(UserError, match="dataset=svhn is unknown; choose one of: digits, mnist, cifar10, imagenet"):
        build_datamodule("svhn")


def test_unknown_option_lists_the_valid_ones():
    with pytest.raises(UserError, match="dataset=digits has no option 'batchsize'; it takes: data_dir, batch_size, "):
        build_datamodule("digits", batchsize=3)


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_size", 0), ("num_workers", -1), ("seed", -1), ("limit", 0), ("limit", -5), ("per_class", 0)],
)
def test_impossible_numbers_are_named(option, value):
    with pytest.raises(UserError, match=f"^{option}={value} was given; it must be [01] or more"):
        build_datamodule("digits", **{option: value})
