"""Curves and files of what is shown: those of the maps themselves."""

import base64
import io
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from relprop.demo import taking
from relprop.demo.choice import Choice
from relprop.demo.looking import View, look
from relprop.demo.patches import Stroke
from relprop.demo.studio import Studio
from relprop.demo.taking import SCORES, judged, taken_away
from relprop.demo.trust import DRAWS, Trust, trust_curves
from tests.demo.rooms import DIGITS, PlainStudio, opened, picture, studio
from tests.demo.test_rendering import read

CHOICE = Choice(("gradient", "center"), target=3)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return studio(tmp_path_factory.mktemp("room"), "protocol=petsiuk2018", "seed=5", kind=PlainStudio)


@pytest.fixture(scope="module")
def view(room: Studio) -> View:
    return look(room, opened(words=("model=vgg11",)), CHOICE, picture(Stroke("white", 8, ((0, 0),))))


def test_curves_are_those_of_the_shown_maps_and_of_random_ones(
    room: Studio, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[tuple[Any, ...], dict[str, Any], Trust]] = []

    def noted(*given: Any, **options: Any) -> Trust:
        found.append((given, options, trust_curves(*given, **options)))
        return found[0][2]

    monkeypatch.setattr(taking, "trust_curves", noted)
    flat = replace(view, heatmaps={**view.heatmaps, "sobel": torch.zeros(32, 32)})
    progress: list[tuple[int, int]] = []
    root = read(judged(room, flat, progress.append))
    assert progress == [(done, 2 + DRAWS) for done in range(1, 3 + DRAWS)]
    ((given, options, trust),) = found
    assert given[0] is view.opened.network and torch.equal(given[1], view.images[0]) and given[2:] == (flat.heatmaps, 3)
    assert (options["mean"], options["std"], options["seed"]) == (DIGITS.mean, DIGITS.std, 5)
    assert options["protocol"]["name"] == "petsiuk2018" and [*trust.methods] == ["gradient", "center"]
    said = root.one("img").attributes["alt"]
    rows = {**trust.methods, **{f"random map {i}": row for i, row in enumerate(trust.random, 1)}}
    for name, row in rows.items():
        assert f"{name}: " + ", ".join(f"{score} {row[score]:.3f}" for score in SCORES) in said
    assert root.one("p", "note").text.startswith("sobel left out: all values of the map are equal")
    wide, narrow = size(root.one("img").attributes["src"]), size(root.one("source").attributes["srcset"])
    assert wide[0] > narrow[0] and wide[1] < narrow[1]  # curves beside and below each other


def size(address: str) -> tuple[int, int]:
    """Width and height of an embedded picture."""
    with Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2]))) as image:
        return image.size


def test_files_hold_what_is_shown_and_the_command_says_what_was_chosen(room: Studio, view: View) -> None:
    partly = replace(view, refused={"lime": "why"})
    written = taken_away(room, partly, Choice(("gradient", "lime", "center"), target=3))
    with Image.open(written.input) as image:
        np.testing.assert_array_equal(np.asarray(image), view.pixels.permute(1, 2, 0).numpy())
    assert [file.stem for file in written.maps] == ["gradient", "center"]
    for file in written.maps:
        (stored,) = load_file(file).values()
        assert torch.equal(stored.squeeze(), view.heatmaps[file.stem])
    words = shlex.split(written.command)
    chosen = Choice(("gradient", "center"))
    assert words[:2] == ["python", "scripts/visualize.py"] and "target=3" in words
    assert words[2 : 2 + len(room.sentence(view.opened, chosen))] == room.sentence(view.opened, chosen)
    for file in (written.input, written.picture, *written.maps):
        assert file.is_file() and Path(room.run_dir, "downloads") in file.parents
    assert taken_away(room, view, CHOICE).input != written.input  # of every click files of their own
