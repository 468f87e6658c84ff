import pytest
import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.metrics.explaining import explain_again

IMAGES, TARGET = torch.randn(3, 2, 4, 5), torch.tensor([0, 1, 0])


def test_maps_come_in_double_precision_and_without_a_graph() -> None:
    weight = torch.ones(1, requires_grad=True)
    maps = explain_again(lambda images, target: images.sum(1) * weight * target.view(-1, 1, 1), IMAGES, TARGET, "so")
    assert maps.dtype == torch.float64 and not maps.requires_grad
    assert torch.equal(maps, (IMAGES.sum(1) * TARGET.view(-1, 1, 1)).double())


def test_maps_of_another_shape_are_refused() -> None:
    with pytest.raises(UserError, match=r"\(N, H, W\) = \(3, 4, 5\) like the images, not \(3, 2, 4, 5\)"):
        explain_again(lambda images, _: images, IMAGES, TARGET, "under noise")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_named_by_index(value: float) -> None:
    def explain(images: Tensor, _: Tensor) -> Tensor:
        maps = images.sum(1)
        maps[1, 2, 3] = value
        return maps

    with pytest.raises(UserError, match=r"^under noise, heatmaps \[1\] contain NaN or infinite values$"):
        explain_again(explain, IMAGES, TARGET, "under noise")
