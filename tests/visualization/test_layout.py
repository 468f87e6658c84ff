import pytest

from relprop.visualization.figures import SMALL, TEXT_WIDTH, text_width
from relprop.visualization.layout import Grid, columns_for, panel_size

PANELS = ("image", "heatmap", "overlay")


@pytest.mark.parametrize("side", [8, 28, 32, 48, 64])
@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_small_images_are_enlarged_by_a_whole_factor(side: int, columns: int) -> None:
    height, width = panel_size(side, side, columns, 3)
    assert height == width and height % side == 0 and height >= 64


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(8, 8), (32, 32), (28, 20), (224, 224), (300, 500)])
def test_the_sheet_is_about_as_wide_as_a_page_or_a_column(columns: int, shape: tuple[int, int]) -> None:
    grid = Grid.plan(columns, PANELS, shape, "title", ["caption"] * 5, ["note"])
    assert grid.width <= 1.15 * TEXT_WIDTH
    assert grid.width >= (0.45 if columns == 1 else 0.8) * TEXT_WIDTH


@pytest.mark.parametrize("panels", [3, 4, 5])
def test_as_many_images_share_a_line_as_the_page_has_room_for(panels: int) -> None:
    for side in (*range(8, 70), 96, 224, 500):
        columns = columns_for(side, panels)
        grid = Grid.plan(columns, PANELS[:1] * panels, (side, side), "title", ["caption"] * 5, ["note"])
        assert 0.75 * TEXT_WIDTH <= grid.width <= 1.15 * TEXT_WIDTH, side


def test_every_panel_is_wide_enough_for_its_heading() -> None:
    needed = max(text_width(name, SMALL) for name in (*PANELS, "insertion", "deletion"))
    assert min(panel_size(side, side, 4, 3)[1] for side in range(8, 300)) > needed


def test_proportions_are_kept() -> None:
    height, width = panel_size(300, 500, 3, 3)
    assert height / width == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("panels", [2, 3, 5])
def test_panels_do_not_touch_and_stay_on_the_page(panels: int) -> None:
    grid = Grid.plan(3, ["image"] * panels, (32, 32), "title", ["one", "two words"] * 4, ["note"])
    boxes = [(*grid.corner(i, panel), *grid.panel) for i in range(8) for panel in range(panels)]
    for i, (left, top, height, width) in enumerate(boxes):
        assert left >= 0 and left + width <= grid.width and top + height < grid.bar_top
        for other_left, other_top, _, _ in boxes[:i]:
            assert abs(left - other_left) > width or abs(top - other_top) > height
