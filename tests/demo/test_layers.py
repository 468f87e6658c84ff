"""The way back through the layers is the engine's own trace, with its audit beside it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from relprop.demo.choice import Choice
from relprop.demo.layers import Stop, walk_back
from relprop.demo.looking import View, look
from relprop.demo.studio import Opened, Studio
from relprop.errors import UserError
from relprop.lrp import LRP
from relprop.models import build_model
from tests.demo.rooms import normalised, opened, picture, pixels, studio
from tests.networks import randomize_batchnorm

LRP_ONLY = Choice(("lrp",), "epsilon", "simple", target=3)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return studio(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def residual() -> Opened:
    torch.manual_seed(0)
    network = randomize_batchnorm(build_model("resnet20", num_classes=10, image_size=32)).eval()
    return replace(opened(network=network), key=("residual", 0))


@pytest.fixture(scope="module")
def view(room: Studio, residual: Opened) -> View:
    return look(room, residual, LRP_ONLY, picture())


@pytest.fixture(scope="module")
def stops(room: Studio, view: View) -> list[Stop]:
    return walk_back(room, view, LRP_ONLY)


def test_stops_are_the_engines_trace_summed_over_channels(residual: Opened, stops: list[Stop]) -> None:
    trace = LRP(residual.network, "epsilon", "simple").trace(normalised(pixels()), 3)
    assert [stop.name for stop in stops] == [*reversed(trace)]
    assert (stops[0].name, stops[-1].name) == ("linear", "input")
    for stop in stops:
        relevance = trace[stop.name][0]
        assert stop.shape == tuple(relevance.shape)
        spatial = relevance.dim() == 3 and relevance.shape[1:] != (1, 1)
        assert torch.equal(stop.relevance, relevance.sum(0) if spatial else relevance.flatten())
    assert {stop.relevance.dim() for stop in stops} == {1, 2}
    assert any(stop.shape[1:] == (1, 1) for stop in stops)
    assert {len(stop.shape) for stop in stops} == {1, 3}  # vector layers and spatial ones


def test_rows_are_the_engines_audit(residual: Opened, stops: list[Stop]) -> None:
    audit = LRP(residual.network, "epsilon", "simple").audit(normalised(pixels()), 3)
    assert tuple(stop.row for stop in stops[:-1]) == audit.rows
    assert stops[-1].row is None


def test_the_last_stop_is_the_map(view: View, stops: list[Stop]) -> None:
    torch.testing.assert_close(stops[-1].relevance, view.heatmaps["lrp"], atol=0, rtol=0)


@pytest.mark.parametrize("skip", ["flows_skip", "identity_only"])
def test_every_stop_but_the_image_has_a_row(residual: Opened, room: Studio, view: View, skip: str) -> None:
    stops = walk_back(room, view, Choice(("lrp",), "otsuki2024", skip))
    assert [stop.row is None for stop in stops] == [False] * (len(stops) - 1) + [True]
    assert [stop.row.step for stop in stops if stop.row] == [stop.name for stop in stops[:-1]]


def test_without_lrp_there_is_no_way_back(room: Studio, view: View) -> None:
    with pytest.raises(UserError, match="only method lrp walks through the layers"):
        walk_back(room, view, Choice(("gradcam", "rise")))


def test_relevance_that_is_not_finite_is_said(room: Studio, view: View, residual: Opened) -> None:
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 2, 3), nn.Linear(2, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.head(self.conv(x).mean((2, 3)))
            return scores

    network = Endless().eval()
    nn.init.constant_(network.conv.bias, 1e38)
    nn.init.constant_(network.head.weight, 1e38)
    broken = replace(view, opened=replace(residual, network=network, key=("endless", 0)))
    with pytest.raises(UserError, match=r"the relevance at \w+ has NaN or infinite values; choose another composite"):
        walk_back(room, broken, LRP_ONLY)
