"""compile=True gives what the engine gives without. One small network, since torch.compile takes its time."""

import pytest
import torch
from torch import Tensor, nn

from relprop import LRP
from relprop.errors import UserError


class Small(nn.Module):
    """A convolution, batch norm, an addition, pooling of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.main = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.norm(self.conv(x))))
        return self.head(torch.relu(self.main(x) + x).mean((2, 3)))


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 8, 8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:torch._inductor", "ignore::DeprecationWarning")
def test_a_compiled_engine_gives_the_same(images: Tensor) -> None:
    torch.manual_seed(0)
    model = Small().eval()
    plain, compiled = LRP(model), LRP(model, compile=True)
    target = torch.tensor([0, 2])
    torch.testing.assert_close(compiled.attribute(images, target), plain.attribute(images, target))
    with pytest.raises(UserError, match="target classes must be in 0…2"):
        compiled.attribute(images, 3)
    others = images.flip(0)
    torch.testing.assert_close(compiled.attribute(others, target), plain.attribute(others, target))
    assert torch.equal(compiled.trace(images)["input"], plain.attribute(images))  # watched, so not compiled
    assert str(compiled.audit(images)) == str(plain.audit(images))
    with torch.no_grad():
        model.main.weight.mul_(-1)
    torch.testing.assert_close(compiled.attribute(images, target), plain.attribute(images, target))
