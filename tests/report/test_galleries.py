"""Pictures of all methods, arranged to be compared."""

from relprop.report import Gallery, Shown
from relprop.report.galleries import Pair, extremes, same
from relprop.report.pictures import Pictures
from tests.report.pages import gallery, picture

NUMBERS = {"LRP": 3, "Grad-CAM": 5}


def shown(image: int, heatmap: int) -> Shown:
    return Shown(picture(image), picture(heatmap), f"{image} by {heatmap}")


def test_the_same_images_are_in_the_same_columns() -> None:
    pictures = Pictures()
    # Grad-CAM lacks image 1, has image 2 of its own, and shows image 0 twice.
    galleries = [
        Gallery("LRP", same=[shown(0, 10), shown(1, 11)]),
        Gallery("Grad-CAM", same=[shown(2, 22), shown(0, 20), shown(0, 23)]),
    ]
    made = same(galleries, NUMBERS, pictures)
    assert made.images == [pictures.add(picture(image)) for image in (0, 1, 2, 0)]

    def pair(image: int, heatmap: int) -> Pair:
        return Pair(pictures.add(picture(image)), pictures.add(picture(heatmap)), f"{image} by {heatmap}")

    assert made.rows == [
        (3, [pair(0, 10), pair(1, 11), None, None]),
        (5, [pair(0, 20), None, pair(2, 22), pair(0, 23)]),
    ]


def test_best_and_worst_are_kept_apart() -> None:
    pictures = Pictures()
    (made,) = extremes([gallery("Grad-CAM", 2), Gallery("LRP", same=[shown(0, 1)])], NUMBERS, pictures)
    assert made.method == 5
    assert [pair.caption for pair in made.best] == ["class 2"]
    assert [pair.caption for pair in made.worst] == ["class 3"]
    assert made.best[0].image == pictures.add(picture(2))
    assert made.worst[0].heatmap == pictures.add(picture(203))


def test_methods_without_pictures_are_left_out() -> None:
    assert same([Gallery("LRP", best=[shown(0, 1)])], NUMBERS, Pictures()).rows == []
