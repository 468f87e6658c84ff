"""Every protocol of both metrics against a literal version, pixel loop and all, on random maps with ties."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from relprop.metrics import PROTOCOLS, InsertionDeletion, PixelFlipping, Protocol
from relprop.metrics.perturbation.fills import FILLS
from relprop.metrics.perturbation.protocol import CURVES, get_protocol
from relprop.metrics.perturbation.ranking import SCHEDULES
from tests.metrics import literal

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
OPTIONS = {"mean": torch.tensor(MEAN).view(3, 1, 1), "std": torch.tensor(STD).view(3, 1, 1), "seed": 3}
CASES = [
    (metric, name)
    for name, protocol in PROTOCOLS.items()
    for metric in (InsertionDeletion, PixelFlipping)
    if len({*metric.wanted} & {*protocol.fills}) >= metric.least
]


def classifier(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()


def pictures(count: int, height: int, width: int) -> Tensor:
    """Normalised images of pixels in [0, 1]."""
    return (torch.rand(count, 3, height, width) - OPTIONS["mean"]) / OPTIONS["std"]


def compare(
    metric: Callable, protocol: Protocol, seed: int, size: tuple[int, int], levels: int | None, batch: int
) -> None:
    model, images = classifier(seed), pictures(2, *size)
    heatmaps = torch.randn(2, *size)
    heatmaps = heatmaps if levels is None else (heatmaps * levels).round() / levels
    target = torch.tensor([1, 3])
    scored = metric(model, protocol, mean=MEAN, std=STD, seed=3, batch_size=batch)
    scored.update(images, heatmaps, target)
    patches = len(literal.squares(*size, protocol.patch))
    for i, row in enumerate(scored.rows):
        for name in scored.curves:
            curve = literal.curve(protocol, name, model, images, i, heatmaps[i], int(target[i]), **OPTIONS)
            assert row[f"{name}_curve"] == pytest.approx(curve, abs=1e-5 if protocol.score != "probability" else 1e-6)
            key = name if metric is InsertionDeletion else f"{'aopc' if protocol.area == 'aopc' else 'auc'}_{name}"
            assert row[key] == pytest.approx(literal.area(protocol, curve, patches), abs=1e-5)
    assert scored.forwards <= scored.requested + len(images)


@pytest.mark.filterwarnings("ignore:a constant heatmap")
@pytest.mark.parametrize(("metric", "name"), CASES, ids=[f"{metric.__name__}-{name}" for metric, name in CASES])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    size=st.tuples(st.integers(6, 9), st.integers(6, 9)),
    patch=st.integers(1, 3),
    levels=st.sampled_from([1, 4, None]),
    batch=st.sampled_from([1, 7, 64]),
)
def test_published_protocols(metric, name, seed, size, patch, levels, batch) -> None:
    published = PROTOCOLS[name]
    step = 2 if published.step is None and published.schedule == "step" else published.step
    protocol = Protocol(**{**published.choices, "patch": patch, "step": step})
    compare(metric, protocol, seed, size, levels, batch)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_fill_and_schedule(fill: str, schedule: str) -> None:
    choices = {"schedule": schedule, "step": 3, "steps": 4, "score": "log_odds", "area": "fractions"}
    curves = ["morf", "lerf", "random", "insertion", "deletion"][: 3 if fill == "telea_chain" else 5]
    protocol = Protocol("mine", dict.fromkeys(curves, fill), patch=2, **choices)
    compare(PixelFlipping, protocol, 0, (8, 7), 2, 16)
    if fill != "telea_chain":
        compare(InsertionDeletion, protocol, 1, (8, 7), 2, 16)


def test_random_orders_and_fills_do_not_depend_on_the_batch() -> None:
    model, images, heatmaps = classifier(0), pictures(3, 12, 12), torch.rand(3, 12, 12)
    target = torch.tensor([0, 1, 2])
    together, singly = (PixelFlipping(model, "samek2016", patch=3, mean=MEAN, std=STD) for _ in range(2))
    together.update(images, heatmaps, target)
    for i in reversed(range(3)):
        singly.update(images[i : i + 1], heatmaps[i : i + 1], target[i : i + 1])
    for row, other in zip(together.rows, reversed(singly.rows), strict=True):
        assert row["random_curve"] == pytest.approx(other["random_curve"], abs=1e-5)
    other_seed = PixelFlipping(model, "samek2016", patch=3, mean=MEAN, std=STD, seed=1)
    other_seed.update(images, heatmaps, target)
    assert other_seed.rows[0]["random_curve"] != together.rows[0]["random_curve"]


@pytest.mark.parametrize(("metric", "name"), CASES, ids=[f"{metric.__name__}-{name}" for metric, name in CASES])
def test_pictures_are_those_whose_scores_the_curve_has(metric, name: str) -> None:
    model, images, heatmaps, target = classifier(0), pictures(2, 12, 12), torch.rand(2, 12, 12), torch.tensor([1, 3])
    protocol = Protocol(**{**PROTOCOLS[name].choices, "patch": 2})
    scored = metric(model, protocol, mean=MEAN, std=STD)
    scored.update(images, heatmaps, target)
    for share in (0.0, 0.3):
        states, reached = scored.pictures(images, heatmaps, share)
        for row, flipped, i in zip(scored.rows, reached, range(2), strict=True):
            points = row.get("flips") or row["fractions"]
            number = min(range(len(points)), key=lambda k: abs(points[k] - flipped))
            assert points[number] == pytest.approx(flipped, abs=1e-6)
            assert flipped <= share + 1e-6 or number == int(protocol.begins)
            assert number + 1 == len(points) or points[number + 1] > share
            for curve, state in states.items():
                logits = model(state[i : i + 1]).detach().double()[0]
                values = logits.softmax(0) if protocol.score == "probability" else logits
                assert row[f"{curve}_curve"][number] == pytest.approx(values[target[i]].item(), abs=1e-5)


def test_label_says_what_differs_from_the_published() -> None:
    assert get_protocol("samek2016").label == "samek2016"
    choices = PROTOCOLS["strict"].choices
    assert get_protocol({**choices, "step": 7, "patch": 2}).label == "strict"
    changed = get_protocol({**choices, "score": "logit", "fills": {"insertion": "blur", "deletion": "zero"}})
    assert changed.label == "strict fills={'insertion': 'blur', 'deletion': 'zero'} score=logit"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"fills": {"insertion": "pink"}}, "fill=pink is unknown; choose one of: black, white, zero"),
        ({"fills": {"upwards": "black"}}, "curve=upwards is unknown; choose one of: insertion"),
        ({"score": "loss"}, "score=loss is unknown; choose one of: probability, logit, log_odds"),
        ({"step": 0}, "step=0 must be at least 1"),
        ({"share": None}, "needs a step"),
        ({"fills": {"insertion": "telea_chain"}}, "fills.insertion=telea_chain .* can hide but not show"),
        ({"area": "aopc", "begins": False}, "area=aopc .* needs begins=true"),
        ({"share": -1.0}, "share=-1.0 must be above 0"),
        ({"fills": None}, "a protocol needs a fills"),
        ({"area": "aopc"}, "area=aopc is one of PixelFlipping's"),
        ({"schedule": "number"}, "needs steps"),
        ({"colour": 1}, "no choice 'colour'; it has: name, fills"),
    ],
)
def test_wrong_choices_are_refused(choices: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InsertionDeletion(classifier(0), {**PROTOCOLS["strict"].choices, **choices}, mean=MEAN, std=STD)


@pytest.mark.parametrize(
    ("metric", "name", "fitting"),
    [
        (InsertionDeletion, "samek2016", "strict, otsuki2024, petsiuk2018"),
        (PixelFlipping, "petsiuk2018", "strict, samek2016, bermudez2022, srg"),
    ],
)
def test_a_protocol_of_the_other_metric_is_refused(metric, name: str, fitting: str) -> None:
    with pytest.raises(ValueError, match=f"protocol={name} is none of {metric.__name__}'s; choose one of: {fitting}"):
        metric(classifier(0), name, mean=MEAN, std=STD)


def test_every_curve_belongs_to_a_metric() -> None:
    assert {*InsertionDeletion.wanted, *PixelFlipping.wanted} == {*CURVES}
