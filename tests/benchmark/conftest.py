"""What is measured here takes slim networks."""

from typing import Any

import pytest
from torch import nn

from relprop.benchmark import sides
from tests.slim import slim


@pytest.fixture(autouse=True)
def _slim_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, *, image_size: int, **_: Any) -> nn.Module:
        return slim(name, image_size)

    monkeypatch.setattr(sides, "build_model", build)
