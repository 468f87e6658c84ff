"""What the server answers to what happens on the page. Whatever comes from a browser is checked here first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relprop.demo.choice import PREDICTED, Choice, read_choice
from relprop.demo.desk import Desk
from relprop.demo.drawing import embedded
from relprop.demo.looking import View, look
from relprop.demo.patches import Picture, read_stroke
from relprop.demo.rendering import classes_html, maps_html
from relprop.demo.samples import Sample
from relprop.demo.studio import Opened, Studio
from relprop.demo.uploads import read_upload
from relprop.errors import UserError


@dataclass(frozen=True)
class Asked:
    """What stands on the page when something happens there, as the browser tells it; nothing of it is to be trusted."""

    network: Any
    methods: Any
    composite: Any
    skip: Any
    relevance_filter: Any
    target: Any


def first_picture(studio: Studio, opened: Opened, desk: Desk) -> Desk:
    """The visitor's own photograph, cut for this network, or else the first sample."""
    if desk.upload is not None and desk.upload.is_file():
        return with_upload(opened, desk, desk.upload)
    samples, reason = samples_or_reason(studio, opened)
    if not samples:
        raise UserError(f"{reason}; give a photograph of your own")
    return with_sample(studio, opened, desk, 0)


def samples_or_reason(studio: Studio, opened: Opened) -> tuple[list[Sample], str]:
    """Samples of the network's data set, or why there are none."""
    try:
        return studio.samples(opened), ""
    except UserError as error:
        return [], f"no samples: {error}"


def with_sample(studio: Studio, opened: Opened, desk: Desk, number: Any) -> Desk:
    """Sample `number` of the network's data set."""
    samples, reason = samples_or_reason(studio, opened)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(samples):
        raise UserError(reason or f"samples go from 0 to {len(samples) - 1}")
    sample = samples[number]
    name = f"{opened.data.name} test image {sample.position}, “{sample.label}”"
    return desk.with_picture(Picture(name, sample.pixels), None)


def with_upload(opened: Opened, desk: Desk, path: Path) -> Desk:
    """A photograph that the visitor has sent."""
    return desk.with_picture(Picture("your photograph", read_upload(path, opened.data)), path)


def with_stroke(desk: Desk, stroke: Any) -> Desk:
    """Squares painted onto the picture."""
    picture = _picture(desk)
    return replace(desk, picture=picture.with_stroke(read_stroke(stroke, picture.clean.shape[-1])))


def undone(desk: Desk) -> Desk:
    """The last stroke taken back."""
    return replace(desk, picture=_picture(desk).undone())


def cleared(desk: Desk) -> Desk:
    """All strokes taken back."""
    return replace(desk, picture=_picture(desk).bare())


def explained(studio: Studio, opened: Opened, desk: Desk, asked: Asked) -> Desk:
    """The picture looked at as the page asks."""
    choice = choice_of(opened, asked)
    known = None if desk.view is None or desk.choice is None else (desk.view, desk.choice)
    return replace(desk, choice=choice, view=look(studio, opened, choice, _picture(desk), known))


def choice_of(opened: Opened, asked: Asked) -> Choice:
    """The page's choice, checked."""
    return read_choice(
        asked.methods,
        asked.composite,
        asked.skip,
        asked.relevance_filter,
        asked.target,
        opened.data.class_names,
    )


def seen(desk: Desk) -> tuple[View, Choice]:
    """What was found out last. Raises `UserError` if nothing was yet."""
    if desk.view is None or desk.choice is None:
        raise UserError("there is no heatmap yet; choose a picture first")
    return desk.view, desk.choice


def shown(view: View) -> tuple[dict[str, Any], str, str]:
    """What the easel, the classes and the maps show."""
    return easel(view), classes_html(view), maps_html(view)


def easel(view: View) -> dict[str, Any]:
    """The picture as the easel takes it."""
    size = view.pixels.shape[-1]
    strokes = len(view.picture.strokes)
    return {
        "image": embedded(view.pixels),
        "size": size,
        "mean": "#" + "".join(f"{round(255 * value):02x}" for value in view.opened.data.mean),
        "strokes": strokes,
        "caption": f"{size} × {size} px" + (f", {strokes} stroke{'s' * (strokes > 1)}" if strokes else ", clean"),
    }


def class_choices(class_names: Sequence[str]) -> list[tuple[str, int | str]]:
    """All classes by name, to be searched; the index stands beside names, since two classes may share one."""
    return [("the predicted one", PREDICTED), *((f"{name} ({i})", i) for i, name in enumerate(class_names))]


def _picture(desk: Desk) -> Picture:
    if desk.picture is None:
        raise UserError("there is no picture yet; choose one first")
    return desk.picture
