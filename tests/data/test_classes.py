"""Classes are found by name or index; what is no class is refused with what there is."""

import pytest

from relprop.data.classes import class_index
from relprop.data.imagenet import ImageNet
from relprop.errors import UserError

IMAGENET = ImageNet.class_names


@pytest.mark.parametrize(("given", "index"), [("tabby", 281), ("Tabby", 281), (281, 281), ("281", 281), ("tench", 0)])
def test_name_or_index(given: str | int, index: int) -> None:
    assert class_index(given, IMAGENET) == index


def test_a_name_that_is_a_number_comes_before_an_index() -> None:
    assert class_index(7, ("7", "3")) == 0
    assert class_index(1, ("7", "3")) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1000, "target=1000 is not a class; there are 1000, 0 to 999"),
        (-1, "target=-1 is not a class; there are 1000, 0 to 999"),
        ("tabbi", "target=tabbi is not a class; did you mean one of: tabby"),
        ("retriever", "did you mean one of: flat-coated retriever, curly-coated retriever, golden retriever"),
        ("xqzzy", "target=xqzzy is not a class; there are 1000: tench, goldfish, .*, …"),
        (1.5, "target=1.5 is not a class"),
    ],
)
def test_what_is_no_class_is_refused(given: str | int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        class_index(given, IMAGENET)


def test_a_name_of_two_classes_asks_for_the_index() -> None:
    with pytest.raises(UserError, match=r"target=crane names 2 classes, \[0, 2\]; give the index of one of them"):
        class_index("crane", ("crane", "heron", "Crane"))
