import pytest
import torch
from torch import Tensor, nn

from tests.networks import Functional, randomize_batchnorm


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return randomize_batchnorm(Functional()).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 3, 16, 16)
