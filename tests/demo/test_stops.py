"""What the slider shows: the pictures of the stops, the audit in words, and the relevance still under way."""

import re
from dataclasses import replace

import pytest
import torch

from relprop.demo.choice import Choice
from relprop.demo.layers import Stop, walk_back
from relprop.demo.looking import look
from relprop.demo.stops import WIDE, stops_value
from relprop.lrp.audit import AuditRow
from relprop.visualization import colourize
from tests.demo.rooms import opened, picture, studio
from tests.demo.test_drawing import decoded, in_bytes


@pytest.fixture(scope="module")
def stops(tmp_path_factory: pytest.TempPathFactory) -> list[Stop]:
    """Of a network with biases, which absorb relevance on the way."""
    room, choice = studio(tmp_path_factory.mktemp("room")), Choice(("lrp",), "epsilon", target=3)
    return walk_back(room, look(room, opened(), choice, picture()), choice)


def row(out: float, handed_on: float, **absorbed: float) -> AuditRow:
    return AuditRow("conv", "LRP-ε", out, handed_on, absorbed)


def test_what_is_under_way_ends_at_what_arrives_at_the_image(stops: list[Stop]) -> None:
    told = stops_value(stops)["stops"]
    left = [each["left"] for each in told]
    assert stops[0].row is not None and left[0] == stops[0].row.relevance_out == pytest.approx(stops[0].relevance.sum())
    for i, stop in enumerate(stops[:-1]):
        assert stop.row is not None
        assert left[i + 1] == pytest.approx(left[i] - sum(stop.row.absorbed.values()), rel=1e-6)
        assert left[i] == pytest.approx(stop.relevance.sum().item(), rel=1e-4)  # of a network without branches
    arrived = stops[-1].relevance.sum().item()
    assert left[-1] == pytest.approx(arrived, rel=1e-4)
    assert abs(left[-1] - left[0]) > 0.01 * abs(left[0])  # something was absorbed
    assert told[-1]["facts"][0] == ("arrives", f"{arrived:.4g}".replace("-", "−"))


def test_pictures_are_the_stops_maps(stops: list[Stop]) -> None:
    value = stops_value(stops)
    assert value["first"] == len(stops) // 2
    for stop, told in zip(stops, value["stops"], strict=True):
        shown = decoded(told["image"])
        assert (told["name"], told["height"], told["width"]) == (stop.name, *shown.shape[1:])
        if stop.relevance.dim() == 2:
            assert torch.equal(shown, in_bytes(colourize(stop.relevance.unsqueeze(0))[0]))
            assert told["caption"].startswith(f"{stop.shape[0]} channels of {stop.shape[1]} × {stop.shape[2]}; full")
        else:
            assert told["caption"].startswith(f"{stop.shape[0]} neurons; full colour: ")
            assert "One square is one neuron" in told["note"]
    assert "Relevance of the image" in value["stops"][-1]["note"]


def test_neurons_stand_in_lines() -> None:
    neurons = torch.linspace(0, 1, 2 * WIDE + 3)
    (told,) = stops_value([Stop("fc", (len(neurons),), neurons, row(1, 1))])["stops"]
    assert (told["height"], told["width"], told["small"]) == (3, WIDE, True)
    grid = torch.cat([neurons, torch.zeros(WIDE - 3)]).view(3, WIDE)
    assert torch.equal(decoded(told["image"]), in_bytes(colourize(grid.unsqueeze(0))[0]))
    (few,) = stops_value([Stop("fc", (5,), neurons[:5], row(1, 1))])["stops"]
    assert (few["height"], few["width"]) == (1, 5)
    (wide,) = stops_value([Stop("conv", (2, 1, 65), torch.ones(1, 65), row(1, 1))])["stops"]
    assert wide["small"] is False


def test_the_audit_is_told_in_words() -> None:
    first = Stop("head", (2,), torch.tensor([0.0, 2.0]), replace(row(2, 1.5, bias=0.5, stabilizer=0.0), step="head"))
    second = Stop("conv", (1, 2, 2), torch.ones(2, 2), row(1.5, 1.75, bias=-0.25, padding=1e-7))
    last = Stop("input", (3, 2, 2), torch.full((2, 2), 0.4375), None)
    told = stops_value([first, second, last])
    head, conv, image = (dict(each["facts"]) for each in told["stops"])
    assert told["conserved"]
    assert head == {
        "rule": "LRP-ε",
        "gets": "2 (100.0 %)",
        "hands on": "1.5",
        "absorbs": "0.5 (bias 0.5)",
        "unexplained": "0 %",
        "under way": "2 (100.0 %)",
    }
    assert conv["absorbs"] == "−0.25 (bias −0.25, padding 1e−07)"
    assert conv["gets"] == conv["under way"] == "1.5 (75.0 %)"
    assert conv["unexplained"] == "7e−06 %"
    assert image == {"arrives": "1.75", "under way": "1.75 (87.5 %)"}
    lossy = stops_value([first, second, replace(last, relevance=torch.full((2, 2), -0.25))])
    assert not lossy["conserved"]
    assert dict(lossy["stops"][-1]["facts"]) == {"arrives": "−1"}
    assert all("under way" not in dict(each["facts"]) for each in lossy["stops"])


def test_a_way_on_which_nothing_starts_has_no_shares() -> None:
    (told,) = stops_value([Stop("fc", (2,), torch.zeros(2), row(0, 1))])["stops"]
    facts = dict(told["facts"])
    assert facts["gets"] == "0" and facts["unexplained"] == "inf %"
    negative = stops_value([Stop("fc", (2,), torch.zeros(2), row(2, 1)), Stop("conv", (2,), torch.ones(2), row(-1, 1))])
    assert dict(negative["stops"][1]["facts"])["gets"] == "−1 (−50.0 %)"


def test_no_hyphen_stands_for_a_minus(stops: list[Stop]) -> None:
    for told in stops_value(stops)["stops"]:
        for text in (told["caption"], *(fact for fact in told["facts"] if fact[0] != "rule")):
            assert not re.search(r"-\d", str(text))
