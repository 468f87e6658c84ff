"""Insertion and deletion of shown maps and of random ones: the numbers of a literal computation, map by map."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop.demo import trust
from relprop.demo.trust import DRAWS, PIXELS, Trust, trust_curves
from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.metrics import PROTOCOLS, InsertionDeletion, Protocol
from tests.metrics import literal

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
SIDE, TARGET = 8, 3


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5))
    return nn.Sequential(*layers).eval()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


IMAGE, MAPS = random(3, SIDE, SIDE), {"lrp": random(SIDE, SIDE, seed=1), "gradcam": random(SIDE, SIDE, seed=2)}


def score(network: nn.Module, heatmaps: dict[str, Tensor] = MAPS, **options: Any) -> Trust:
    return trust_curves(network, IMAGE, heatmaps, TARGET, mean=MEAN, std=STD, **options)


def slow(network: nn.Module, protocol: Protocol, heatmap: Tensor) -> dict[str, float]:
    """Areas and difference, point by point and pixel by pixel."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    areas = {}
    for name in ("insertion", "deletion"):
        options = {"mean": mean, "std": std, "seed": 0}
        curve = literal.curve(protocol, name, network, IMAGE[None], 0, heatmap, TARGET, **options)
        areas[name] = literal.area(protocol, curve, (SIDE // protocol.patch) ** 2)
    return {**areas, "id": areas["insertion"] - areas["deletion"]}


@pytest.mark.parametrize("protocol", ["strict", "petsiuk2018"])
def test_every_method_and_every_random_map_has_its_own_areas(network: nn.Module, protocol: str) -> None:
    found = score(network, protocol=protocol, seed=5)
    assert list(found.methods) == [*MAPS]
    for name, row in found.methods.items():
        assert {key: row[key] for key in ("insertion", "deletion", "id")} == pytest.approx(
            slow(network, PROTOCOLS[protocol], MAPS[name]), abs=1e-5
        )
    assert len(found.random) == DRAWS
    for seed, row in enumerate(found.random, start=5):
        noise = get_explainer("random", network, seed=seed)(IMAGE[None], TARGET).sum(1)[0]
        assert row["id"] == pytest.approx(slow(network, PROTOCOLS[protocol], noise)["id"], abs=1e-5)
    assert len({row["id"] for row in found.random}) == DRAWS


def test_rows_are_those_of_single_calls_of_the_metric(network: nn.Module) -> None:
    found = score(network, protocol="otsuki2024")
    for name, heatmap in MAPS.items():
        metric = InsertionDeletion(network, "otsuki2024", mean=MEAN, std=STD)
        metric.update(IMAGE[None], heatmap[None], torch.tensor([TARGET]))
        (alone,) = metric.rows
        for key in ("insertion_curve", "deletion_curve", "fractions"):
            assert found.methods[name][key] == pytest.approx(alone[key], abs=1e-6)
        assert (found.methods[name]["target"], found.methods[name]["protocol"]) == (TARGET, "otsuki2024")


def test_maps_that_rank_nothing_are_left_out_and_named(network: nn.Module) -> None:
    flat, broken = torch.full((SIDE, SIDE), 0.5), MAPS["lrp"].clone()
    broken[0, 0] = torch.inf
    found = score(network, {"flat": flat, **MAPS, "broken": broken})
    assert (list(found.methods), len(found.random)) == ([*MAPS], DRAWS)
    assert found.methods["gradcam"]["id"] == pytest.approx(score(network).methods["gradcam"]["id"])
    assert found.left_out == {
        "flat": "all values of the map are equal, so that it ranks no pixel before another",
        "broken": "the map has NaN or infinite values",
    }
    with pytest.raises(UserError, match=r"flat: all values .*; broken: the map has NaN"):
        score(network, {"flat": flat, "broken": broken})
    with pytest.raises(UserError, match="there is no map to score"):
        score(network, {})


def test_progress_is_told_map_by_map(network: nn.Module) -> None:
    told: list[tuple[int, int]] = []
    score(network, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 2 + DRAWS) for done in range(1, 3 + DRAWS)]


@pytest.mark.parametrize("protocol", ["samek2016", "nope"])
def test_other_protocols_are_refused(network: nn.Module, protocol: str) -> None:
    with pytest.raises(UserError, match="strict, otsuki2024, petsiuk2018"):
        score(network, protocol=protocol)


def test_the_note_names_protocol_and_step(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    assert score(network).note == "protocol strict, 1 pixel per step"
    monkeypatch.setattr(trust, "PIXELS", 2 * 64 * 16)
    quick, own = score(network), score(network, protocol=replace(PROTOCOLS["strict"], step=3))
    assert quick.note == "protocol strict, 4 pixels per step instead of 1, to be quick"
    assert own.note == "protocol strict, 3 pixels per step"
    assert (len(quick.random[0]["fractions"]), len(own.random[0]["fractions"])) == (17, 23)


def test_other_choices_of_a_protocol_are_taken_as_they_are(network: nn.Module) -> None:
    """As a command says them, `protocol.patch=4`."""
    squares = replace(PROTOCOLS["strict"], patch=2)
    found = score(network, protocol=squares.choices)
    assert found.note == "protocol strict, 1 square of 2 × 2 pixels per step"
    slowly = slow(network, squares, MAPS["lrp"])
    assert found.methods["lrp"]["insertion"] == pytest.approx(slowly["insertion"], abs=1e-5)
    growing = replace(squares, schedule="growing", fills={"insertion": "blur", "deletion": "mean"})
    assert score(network, protocol=growing).note.startswith("protocol strict fills=")


@pytest.mark.parametrize("protocol", [each for each in PROTOCOLS.values() if "insertion" in each.fills])
@pytest.mark.parametrize("side", [1, 32, 64, 96, 224, 512, 1024])
def test_steps_are_larger_where_the_protocols_own_take_too_long(protocol: Protocol, side: int) -> None:
    pixels = side**2
    own, larger = protocol.step_of(pixels), trust._larger_step(protocol, pixels)
    if larger is None:
        assert 2 * (pixels // own) * pixels <= 1.1 * PIXELS
    else:
        assert larger > own
        assert 10 <= pixels // larger <= max(1.1 * PIXELS / 2 / pixels, 11)
