"""What the server answers, event by event; whatever a browser tells is checked."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from PIL import Image

from relprop.demo.answers import (
    Asked,
    choice_of,
    class_choices,
    cleared,
    easel,
    explained,
    first_picture,
    samples_or_reason,
    seen,
    shown,
    undone,
    with_sample,
    with_stroke,
    with_upload,
)
from relprop.demo.choice import PREDICTED, Choice
from relprop.demo.desk import Desk
from relprop.demo.patches import Picture, painted
from relprop.demo.rendering import classes_html, maps_html
from relprop.demo.samples import samples_of
from relprop.demo.studio import Opened, Studio
from relprop.errors import UserError
from tests.demo.rooms import BRIGHT, DARK, DIGITS, JSON, PlainStudio, opened, picture, studio
from tests.demo.test_drawing import decoded

SMALL = opened()
WHITE = {"paint": "white", "side": 32, "cells": [[0, 0]]}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return studio(tmp_path_factory.mktemp("room"), kind=PlainStudio)


@pytest.fixture(scope="module")
def small() -> Opened:
    return opened()


def asked(**changes: Any) -> Asked:
    about = {
        "methods": ["gradient"],
        "composite": "epsilon",
        "skip": "auto",
        "relevance_filter": 1,
        "target": PREDICTED,
    }
    return Asked(network="id", **{**about, **changes})


def test_a_sample_is_taken_by_its_number(room: Studio, small: Opened) -> None:
    samples, reason = samples_or_reason(room, small)
    assert reason == "" and [each.position for each in samples] == [each.position for each in samples_of(DIGITS)]
    desk = with_sample(room, small, Desk(upload=Path("mine.png")), 5)
    assert desk.picture is not None and torch.equal(desk.picture.clean, samples[5].pixels)
    assert desk.picture.name == f"digits test image {samples[5].position}, “{samples[5].label}”"
    assert desk.upload is None
    for odd in (-1, len(samples), True, False, 1.0, "1", None, [1], 10**400):
        with pytest.raises(UserError, match=f"samples go from 0 to {len(samples) - 1}"):
            with_sample(room, small, Desk(), odd)


def test_the_first_picture_is_the_visitors_own_if_it_is_still_there(
    room: Studio, small: Opened, tmp_path: Path
) -> None:
    first = samples_of(DIGITS)[0].pixels
    assert torch.equal(clean(first_picture(room, small, Desk())), first)
    Image.new("RGB", (60, 40), (10, 200, 30)).save(tmp_path / "mine.png")
    desk = with_upload(small, with_stroke(Desk(picture=picture()), WHITE), tmp_path / "mine.png")
    assert desk.picture is not None and clean(desk).shape == (3, 32, 32)
    assert clean(desk).flatten(1).float().mean(1).tolist() == [10, 200, 30]
    assert (desk.picture.name, desk.picture.strokes, desk.upload) == ("your photograph", (), tmp_path / "mine.png")
    again = first_picture(room, small, with_stroke(desk, WHITE))
    assert again.picture is not None and again.picture.strokes == () and again.upload == desk.upload
    (tmp_path / "mine.png").unlink()
    assert torch.equal(clean(first_picture(room, small, desk)), first)


def clean(desk: Desk) -> torch.Tensor:
    assert desk.picture is not None
    return desk.picture.clean


def test_another_picture_is_not_looked_at_yet(room: Studio, small: Opened) -> None:
    desk = explained(room, small, Desk(picture=picture()), asked())
    assert desk.view is not None and desk.choice is not None
    assert with_sample(room, small, desk, 3).view is None


def test_strokes_are_painted_taken_back_and_cleared() -> None:
    desk = Desk(picture=picture())
    for column in range(3):
        desk = with_stroke(desk, {"paint": "black", "side": 8, "cells": [[0, column]]})
    assert strokes(desk) == [0, 1, 2]
    assert strokes(undone(desk)) == [0, 1] and strokes(cleared(desk)) == [] == strokes(undone(cleared(desk)))
    for change in (lambda desk: with_stroke(desk, WHITE), undone, cleared):
        with pytest.raises(UserError, match="there is no picture yet"):
            change(Desk())
    with pytest.raises(UserError, match="side from 1 to 32"):
        with_stroke(desk, {**WHITE, "side": 33})


def strokes(desk: Desk) -> list[int]:
    """The columns that were painted."""
    assert desk.picture is not None
    return [stroke.cells[0][1] for stroke in desk.picture.strokes]


def test_a_picture_is_explained_as_the_page_asks_and_its_clean_look_kept(room: Studio, small: Opened) -> None:
    with pytest.raises(UserError, match="there is no picture yet"):
        explained(room, small, Desk(), asked())
    with pytest.raises(UserError, match="there is no heatmap yet"):
        seen(Desk(picture=picture()))
    first = explained(room, small, Desk(picture=picture()), asked())
    view, choice = seen(first)
    assert choice == Choice(("gradient",), "epsilon") and view.target == DARK
    chosen = explained(room, small, with_stroke(first, {**WHITE, "side": 4}), asked(target=DARK))
    assert seen(chosen)[0].clean is view
    bright = seen(explained(room, small, with_stroke(chosen, WHITE), asked()))[0]
    assert bright.target == BRIGHT and bright.clean is not None and bright.clean.target == BRIGHT


@settings(max_examples=30)
@example(None)
@example({"paint": "white", "side": True, "cells": [[0, 0]]})
@given(JSON)
def test_whatever_a_browser_tells_it_is_taken_or_refused(told: Any) -> None:
    desk = Desk(picture=picture())
    for name in ("methods", "composite", "skip", "relevance_filter", "target"):
        with suppress(UserError):
            choice_of(SMALL, asked(**{name: told}))
    with suppress(UserError):
        assert strokes(with_stroke(desk, told))


def test_the_easel_shows_what_the_network_saw(room: Studio, small: Opened) -> None:
    desk = Desk(picture=picture())
    value = easel(seen(explained(room, small, desk, asked()))[0])
    assert torch.equal(decoded(value["image"]), picture().clean)
    assert value["caption"].startswith("32 × 32 p") and value["caption"].endswith(", clean")
    assert (value["size"], value["strokes"], value["mean"]) == (32, 0, "#" + f"{round(255 * 0.3049):02x}" * 3)
    captions = []
    for _ in range(2):
        desk = with_stroke(desk, {**WHITE, "side": 8})
        view = seen(explained(room, small, desk, asked()))[0]
        captions.append(easel(view)["caption"].partition(", ")[2])
        assert torch.equal(decoded(easel(view)["image"]), painted(view.picture, DIGITS))
    assert captions == ["1 stroke", "2 strokes"]
    assert json.loads(json.dumps(easel(view))) == easel(view)
    assert shown(view) == (easel(view), classes_html(view), maps_html(view))


def test_all_classes_can_be_searched_even_those_of_one_name() -> None:
    assert class_choices(("crane", "crane")) == [("the predicted one", PREDICTED), ("crane (0)", 0), ("crane (1)", 1)]


def test_a_desk_takes_a_picture_for_the_one_before() -> None:
    desk = Desk(picture(), Path("a.png"), Choice())
    other = Picture("other", picture().clean)
    assert desk.with_picture(other, None) == Desk(other, None, Choice())
