import pytest

from relprop.visualization.figures import TEXT_WIDTH
from relprop.visualization.sheet_plan import SheetPlan

PAGE_HEIGHT = 1900  # 9.5 in


def plan(shape: tuple[int, int], methods: int, images: int, caption: str = "cat 0.9") -> SheetPlan:
    return SheetPlan.of(shape, methods, [caption] * images, "title", "note")


@pytest.mark.parametrize("shape", [(32, 32), (28, 28), (64, 48), (224, 224), (300, 500), (500, 300)])
@pytest.mark.parametrize(("methods", "images"), [(1, 1), (3, 8), (12, 4), (25, 8), (25, 1)])
def test_the_sheet_fits_on_a_page(shape: tuple[int, int], methods: int, images: int) -> None:
    page = plan(shape, methods, images)
    assert page.width <= TEXT_WIDTH and page.height <= PAGE_HEIGHT
    assert page.blocks * page.lines >= methods > (page.blocks - 1) * page.lines  # no block is empty


@pytest.mark.parametrize(("methods", "images"), [(1, 1), (5, 3), (25, 8)])
def test_nothing_lies_on_anything_else(methods: int, images: int) -> None:
    page = plan((32, 40), methods, images, "airplane 0.99")
    places = [(block, 0) for block in range(page.blocks)] + [page.place(method) for method in range(methods)]
    assert len(set(places)) == len(places)
    corners = [page.corner(*place, column) for place in places for column in range(images)]
    height, width = page.picture
    for index, (left, top) in enumerate(corners):
        assert left >= 0 and left + width <= page.width and top + height < page.bar_top
        assert all(abs(left - x) > width or abs(top - y) > height for x, y in corners[:index])
    for block, line in places:
        above = page.corner(block, line - 1)[1] + height if line else 0
        assert above < page.name_top(line) < page.corner(block, line)[1] - 20  # a line of type is 22 pixels high


@pytest.mark.parametrize("side", [8, 28, 32, 48, 64])
@pytest.mark.parametrize(("methods", "images"), [(1, 1), (25, 8)])
def test_small_images_are_enlarged_by_a_whole_factor(side: int, methods: int, images: int) -> None:
    height, width = plan((side, side), methods, images).picture
    assert height == width and height % side == 0 and height >= 48


def test_pictures_of_many_methods_can_be_made_out() -> None:
    assert plan((32, 32), 25, 8).picture == (64, 64)
    assert plan((224, 224), 25, 8).picture[1] >= 75
    assert plan((224, 224), 3, 4).picture == (224, 224)


def test_many_methods_are_divided_into_blocks_and_few_are_not() -> None:
    assert plan((32, 32), 3, 8).blocks == 1
    assert plan((224, 224), 2, 2).blocks == 1  # whose pictures would be as large in two
    many = plan((32, 32), 25, 8)
    assert (many.blocks, many.lines) == (2, 13)
    assert [many.place(method) for method in (0, 12, 13, 24)] == [(0, 1), (0, 13), (1, 1), (1, 12)]


def test_proportions_are_kept() -> None:
    height, width = plan((300, 500), 4, 4).picture
    assert height / width == pytest.approx(0.6, abs=0.01)


def test_captions_stand_upright_where_a_word_is_wider_than_the_picture() -> None:
    assert plan((32, 32), 25, 8, "automobile 0.9").upright
    assert not plan((32, 32), 25, 8, "cat 0.9").upright
    assert not plan((32, 32), 3, 4, "automobile 0.9").upright
