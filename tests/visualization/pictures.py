"""What the tests of all pictures use: input, and the boxes of the drawn text."""

import torch
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from torch import Tensor


def random_images(count: int, height: int = 8, width: int = 8) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def random_heatmaps(count: int, height: int = 8, width: int = 8) -> Tensor:
    """Non-negative, each of another size of values."""
    maps = torch.rand(count, height, width, generator=torch.Generator().manual_seed(1))
    return maps * 10.0 ** torch.arange(count).view(-1, 1, 1)


def text_boxes(figure: Figure) -> dict[str, Bbox]:
    """Where each visible text lies, in pixels from the bottom left."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    hidden = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _labels_out_of_view(axis)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden]
    return {f"{text.get_text()} #{i}": text.get_window_extent(canvas.get_renderer()) for i, text in enumerate(texts)}


def _labels_out_of_view(axis: Axis) -> list[Text]:
    """Labels of ticks beyond the axis's ends, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]


def assert_text_is_free(figure: Figure) -> None:
    """No two texts overlap, and none leaves the page."""
    boxes = list(text_boxes(figure).items())
    width, height = figure.bbox.width, figure.bbox.height
    for i, (text, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, f"{text!r} leaves the page"
        for other, other_box in boxes[i + 1 :]:
            assert not box.overlaps(other_box), f"{text!r} overlaps {other!r}"
