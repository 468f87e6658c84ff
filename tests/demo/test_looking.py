"""A look is what direct calls of the network and of the explainers give, for the picture and for the clean one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from relprop.demo import looking
from relprop.demo.choice import Choice
from relprop.demo.looking import TOP, View, look
from relprop.demo.patches import Stroke, painted
from relprop.demo.studio import Opened, Studio
from relprop.errors import UserError
from relprop.explainers import get_explainer
from tests.demo.rooms import (
    BRIGHT,
    DARK,
    DIGITS,
    PlainStudio,
    everywhere,
    normalised,
    opened,
    picture,
    pixels,
    small_network,
    studio,
)

WHITE = everywhere("white")
CORNER = Stroke("black", 8, ((0, 0),))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return studio(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return studio(tmp_path_factory.mktemp("plain"), kind=PlainStudio)


@pytest.fixture(scope="module")
def small() -> Opened:
    return opened()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The pixels of every picture that is classified and explained from now on."""
    found: list[Tensor] = []
    looked: Callable[..., View] = looking._look

    def noted(studio: Studio, network: Opened, choice: Choice, shown: object, pixels: Tensor, target: int) -> View:
        found.append(pixels)
        return looked(studio, network, choice, shown, pixels, target)

    monkeypatch.setattr(looking, "_look", noted)
    return found


def test_probabilities_and_maps_are_those_of_direct_calls(room: Studio, small: Opened) -> None:
    choice = Choice(("lrp", "gradcam"), "epsilon_plus", "simple", 0.5, target=7)
    view = look(room, small, choice, picture())
    images = normalised(pixels())
    torch.testing.assert_close(view.images, images, atol=0, rtol=0)
    with torch.no_grad():
        assert torch.equal(view.probabilities, small.network(images).softmax(1)[0])
    options = {"composite": "epsilon_plus", "skip": "simple", "relevance_filter": 0.5}
    for name in choice.methods:
        explainer = get_explainer(name, small.network, **(options if name == "lrp" else {}))
        assert torch.equal(view.heatmaps[name], explainer(images, 7).sum(1)[0])
    assert [*view.said] == [*choice.methods] and "relevance_filter=0.5" in view.said["lrp"]
    assert (view.refused, view.clean, view.target) == ({}, None, 7)
    assert torch.equal(view.pixels, pixels())


def test_the_most_probable_classes_stand_in_order(plain: Studio, small: Opened) -> None:
    view = look(plain, small, Choice(("gradient",)), picture())
    ranked = sorted(enumerate(view.probabilities.tolist()), key=lambda each: -each[1])
    assert view.top == ranked[:TOP]
    assert view.target == view.top[0][0] == DARK
    assert view.class_name(3) == "3"
    few = replace(view, probabilities=torch.tensor([0.25, 0.75]))
    assert few.top == [(1, 0.75), (0, 0.25)]


def test_a_painted_picture_is_explained_for_its_own_class_and_so_is_the_clean_one(room: Studio, small: Opened) -> None:
    choice, shown = Choice(), picture(WHITE)
    view = look(room, small, choice, shown)
    assert view.clean is not None and view.clean.clean is None
    assert (view.target, view.clean.target) == (BRIGHT, BRIGHT)
    assert view.clean.top[0][0] == DARK  # which is what the clean picture is taken for
    assert torch.equal(view.pixels, painted(shown, DIGITS)) and torch.equal(view.clean.pixels, pixels())
    for each in (view, view.clean):
        expected = get_explainer("lrp", small.network, composite="otsuki2024")(normalised(each.pixels), BRIGHT).sum(1)[
            0
        ]
        assert torch.equal(each.heatmaps["lrp"], expected)
    chosen = look(room, small, replace(choice, target=5), shown)
    assert chosen.clean is not None and (chosen.target, chosen.clean.target) == (5, 5)


def test_the_clean_look_is_kept_over_strokes(plain: Studio, small: Opened, looks: list[Tensor]) -> None:
    choice, shown = Choice(("gradient",)), picture()
    first = look(plain, small, choice, shown)
    shown = shown.with_stroke(CORNER)
    second = look(plain, small, choice, shown, (first, choice))
    assert second.clean is first and len(looks) == 2
    shown = shown.with_stroke(Stroke("black", 8, ((1, 1),)))
    third = look(plain, small, choice, shown, (second, choice))
    assert third.clean is first and len(looks) == 3
    same = replace(choice, target=third.target)  # the class that it is anyway
    assert look(plain, small, same, shown, (third, choice)).clean is first
    alone = look(plain, small, choice, shown)
    assert torch.equal(alone.heatmaps["gradient"], third.heatmaps["gradient"])
    assert alone.clean is not None and torch.equal(alone.clean.heatmaps["gradient"], first.heatmaps["gradient"])


CHOICE = Choice(("gradient", "lrp"), "epsilon")


@pytest.mark.parametrize(
    "other",
    [
        replace(CHOICE, methods=("lrp", "gradient")),
        replace(CHOICE, methods=("gradient",)),
        replace(CHOICE, composite="zplus"),
        replace(CHOICE, skip="simple"),
        replace(CHOICE, relevance_filter=0.5),
        replace(CHOICE, target=4),
    ],
)
def test_nothing_is_kept_for_another_choice(plain: Studio, small: Opened, looks: list[Tensor], other: Choice) -> None:
    shown = picture(CORNER)
    before = look(plain, small, CHOICE, shown)
    looks.clear()
    view = look(plain, small, other, shown, (before, CHOICE))
    assert [torch.equal(each, pixels()) for each in looks] == [False, True]
    assert view.clean is not None and view.clean is not before.clean
    assert [*view.clean.heatmaps] == [*other.methods] and view.clean.target == view.target


def test_nothing_is_kept_for_another_class_picture_or_network(plain: Studio, small: Opened) -> None:
    choice, shown = Choice(("gradient",)), picture(CORNER)
    known = look(plain, small, choice, shown), choice
    bright = look(plain, small, choice, shown.with_stroke(WHITE), known)
    assert bright.clean is not None and (known[0].target, bright.clean.target) == (DARK, BRIGHT)
    other = look(plain, small, choice, picture(CORNER, seed=1), known)
    assert other.clean is not None and torch.equal(other.clean.pixels, pixels(1))
    again = look(plain, opened(), choice, shown, known)
    assert again.clean is not None and again.clean is not known[0].clean


class Broken(nn.Module):
    """A network with NaN for its gradient where the first pixel is black."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network()

    def forward(self, x: Tensor) -> Tensor:
        seen = x * 1
        if seen.requires_grad and x[0, 0, 0, 0] <= normalised(torch.zeros(3, 1, 1))[0, 0]:
            seen.register_hook(lambda gradient: gradient * torch.nan)
        logits: Tensor = self.network(seen)
        return logits


def test_what_gives_no_map_is_named_with_its_reason(plain: Studio) -> None:
    network = replace(opened(network=Broken()), key=("broken", 0))
    view = look(plain, network, Choice(("gradient", "attention_branch", "center")), picture(CORNER))
    assert [*view.heatmaps] == ["center"]
    assert view.refused["gradient"] == "the map has NaN or infinite values"
    assert "attention_branch" in view.refused["attention_branch"]
    assert view.clean is not None and [*view.clean.heatmaps] == ["gradient", "center"]


def test_no_map_at_all_is_an_error_that_says_why(room: Studio, small: Opened) -> None:
    with pytest.raises(UserError, match="^attention_branch: "):
        look(room, small, Choice(("attention_branch",)), picture())


def test_a_picture_for_another_network_is_refused(room: Studio, small: Opened) -> None:
    shown = replace(picture(), clean=pixels(side=28))
    with pytest.raises(UserError, match="small on digits takes pictures of 32 × 32 pixels; choose the picture once"):
        look(room, small, Choice(("gradient",)), shown)


def test_threads_that_ask_at_once_are_answered_as_one_after_the_other(room: Studio) -> None:
    choices = [Choice(("lrp",), composite, target=i) for i, composite in enumerate(("epsilon", "zplus") * 3)]
    shown = picture(CORNER)

    def asked(choice: Choice) -> View:
        return look(room, network, choice, shown)

    network = replace(opened(), key=("alone", 0))
    alone = [*map(asked, choices)]
    network = replace(opened(), key=("together", 0))
    with ThreadPoolExecutor(6) as threads:
        together = [*threads.map(asked, choices)]
    for one, other in zip(alone, together, strict=True):
        assert one.target == other.target and torch.equal(one.probabilities, other.probabilities)
        assert torch.equal(one.heatmaps["lrp"], other.heatmaps["lrp"])


def test_who_looks_waits_for_whoever_computes(plain: Studio, small: Opened) -> None:
    with ThreadPoolExecutor(1) as threads:
        with plain.lock:
            waiting = threads.submit(look, plain, small, Choice(("gradient",)), picture())
            with pytest.raises(TimeoutError):
                waiting.result(0.1)
        assert [*waiting.result(60).heatmaps] == ["gradient"]
