"""The page: what happens on it, and who answers."""

import functools
import html
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from relprop.demo.answers import (
    Asked,
    class_choices,
    cleared,
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
from relprop.demo.choice import MOST_METHODS, PREDICTED
from relprop.demo.desk import Desk
from relprop.demo.layers import walk_back
from relprop.demo.parts import LAYERS, build_parts
from relprop.demo.rendering import refusal_html, samples_html
from relprop.demo.stops import stops_value
from relprop.demo.studio import Studio
from relprop.demo.taking import DOWNLOADS, judged, taken_away
from relprop.demo.uploads import UPLOADS, keep_newest
from relprop.errors import UserError

Answer = dict[Any, Any]
MOST_TAKEN = (10_000, 2000)  # files and megabytes that a run writes for visitors
# What a browser says is checked here, not by Gradio before, which would say it differently and log it as an error.
ONE_AT_A_TIME: dict[str, Any] = {
    "concurrency_limit": 1,
    "concurrency_id": "studio",
    "api_visibility": "private",
    "preprocess": False,
}


def told(answer: Callable[..., Answer]) -> Callable[..., Answer]:
    """What the visitor got wrong is told on the page, which stays as it was."""

    @functools.wraps(answer)
    def answered(*arguments: Any, **options: Any) -> Answer:
        try:
            return answer(*arguments, **options)
        except UserError as error:
            raise gr.Error(html.escape(str(error)), duration=12, print_exception=False) from None

    return answered


class Page:
    """Joins what happens on the page with what `studio` answers; `blocks` is the page itself.

    `methods` and `skip` are chosen at first.
    """

    def __init__(self, studio: Studio, methods: list[str], skip: str) -> None:
        self.studio = studio
        with gr.Blocks(title="relprop", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as blocks:
            self.parts = build_parts(studio.config, methods, skip)
            self._join(blocks)
        self.blocks = blocks

    def _join(self, blocks: gr.Blocks) -> None:
        p = self.parts
        asked = [p.desk, *p.asked]
        looks = [p.desk, p.target, p.easel, p.classes, p.maps, p.trust, p.files, p.command]
        quick: dict[str, Any] = {**ONE_AT_A_TIME, "show_progress": "minimal", "show_progress_on": p.maps}
        # What is waiting is asked with what then stands on the page; but what a click was on would be forgotten.
        last: dict[str, Any] = {**quick, "trigger_mode": "always_last"}
        every: dict[str, Any] = {**quick, "trigger_mode": "multiple"}
        blocks.load(self.begin, None, [p.network], **ONE_AT_A_TIME, show_progress="hidden")
        choices = [p.methods.change, p.composite.input, p.skip.input, p.relevance_filter.change, p.target.input]
        looked = [
            p.network.change(self.open, asked, [p.samples, *looks], **last),
            p.samples.chosen(self.choose_sample, asked, looks, **every),
            p.photo.input(self.choose_photo, [p.photo, *asked], looks, **last),
            p.easel.stroke(self.paint, asked, looks, **every),
            p.easel.undo(self.undo, asked, looks, **every),
            p.easel.clear(self.clear, asked, looks, **every),
            p.classes.chosen(self.choose_class, asked, looks, **every),
            gr.on(choices, self.look, asked, looks, **last),
        ]
        # The way through the layers is of interest only to who looks at it.
        quiet: dict[str, Any] = {**ONE_AT_A_TIME, "show_progress": "hidden"}
        for event in looked:
            event.then(self.walk, [p.desk, p.tab], [p.layers], **quiet)
        p.tabs.select(self.open_tab, [p.desk], [p.tab, p.layers], **quiet, trigger_mode="multiple")
        p.run_trust.click(self.judge, [p.desk], [p.trust], **ONE_AT_A_TIME)
        p.write.click(self.take_away, [p.desk], [p.files, p.command], **ONE_AT_A_TIME)

    @told
    def begin(self) -> Answer:
        """The list of networks, the first of which is opened."""
        listed = self.studio.networks()
        return {self.parts.network: gr.Dropdown([(each.label, each.id) for each in listed], value=listed[0].id)}

    @told
    def open(self, desk: Desk, network: Any, *asked: Any) -> Answer:
        """Another network: its samples, its classes, and the picture as it sees it."""
        opened = self.studio.open(network)
        samples, reason = samples_or_reason(self.studio, opened)
        answer = {
            self.parts.samples: samples_html(samples, reason),
            self.parts.target: gr.Dropdown(class_choices(opened.data.class_names), value=PREDICTED),
        }
        try:
            desk = first_picture(self.studio, opened, desk)
        except UserError as error:
            return {**self._nothing(Desk(), error), **answer}
        try:
            return {**self._look_anew(desk, network, *asked), **answer}
        except UserError as error:  # no chosen method goes with the network; another one may
            return {**self._nothing(desk, error), **answer}

    @told
    def choose_sample(self, event: gr.EventData, desk: Desk, network: Any, *asked: Any) -> Answer:
        """A test image."""
        opened = self.studio.open(network)
        return self._look_anew(with_sample(self.studio, opened, desk, _told_by(event, "number")), network, *asked)

    @told
    def choose_photo(self, photo: dict[str, Any] | None, desk: Desk, network: Any, *asked: Any) -> Answer:
        """A photograph of the visitor's own, the path of which has been checked; nobody has looked into it yet."""
        if photo is None:  # it was removed; the picture stays
            return {self.parts.desk: gr.skip()}
        return self._look_anew(with_upload(self.studio.open(network), desk, Path(photo["path"])), network, *asked)

    @told
    def paint(self, event: gr.EventData, desk: Desk, *asked: Any) -> Answer:
        """Squares."""
        return self._look(with_stroke(desk, _told_by(event, "stroke")), *asked)

    @told
    def undo(self, desk: Desk, *asked: Any) -> Answer:
        """The last stroke away."""
        return self._look(undone(desk), *asked)

    @told
    def clear(self, desk: Desk, *asked: Any) -> Answer:
        """All strokes away."""
        return self._look(cleared(desk), *asked)

    @told
    def choose_class(self, event: gr.EventData, desk: Desk, *asked: Any) -> Answer:
        """One of the classes that are shown."""
        return self._look(desk, *asked[:-1], _told_by(event, "number"))

    @told
    def look(self, desk: Desk, *asked: Any) -> Answer:
        """Methods, their options, or the class: another look at the same picture."""
        if asked[1] == []:  # told without an error, after which Gradio forgets what is chosen next meanwhile
            gr.Warning(f"choose from 1 to {MOST_METHODS} methods")
            return {self.parts.desk: gr.skip()}
        return self._look(desk, *asked)

    def walk(self, desk: Desk, tab: str) -> Answer:
        """The way back through the layers, if it is looked at."""
        if tab != LAYERS:
            return {self.parts.layers: gr.skip()}
        try:
            return {self.parts.layers: stops_value(walk_back(self.studio, *seen(desk)))}
        except UserError as error:
            return {self.parts.layers: {"stops": [], "reason": str(error)}}

    def open_tab(self, event: gr.EventData, desk: Desk) -> Answer:
        """Which tab is looked at."""
        tab = str(_told_by(event, "value"))
        return {self.parts.tab: tab, **self.walk(desk, tab)}

    @told
    def judge(self, desk: Desk, progress: gr.Progress = gr.Progress()) -> Answer:  # noqa: B008
        """Insertion and deletion of the maps that are shown."""
        view, _ = seen(desk)
        return {self.parts.trust: judged(self.studio, view, progress)}

    @told
    def take_away(self, desk: Desk) -> Answer:
        """Files of what is shown, and the command that makes them again."""
        downloads = taken_away(self.studio, *seen(desk))
        keep_newest(self.studio.run_dir / DOWNLOADS, *MOST_TAKEN)
        keep_newest(self.studio.run_dir / UPLOADS)  # where Gradio lays copies of them
        files = [str(file) for file in (downloads.picture, *downloads.maps, downloads.input)]
        return {
            self.parts.files: gr.File(files, visible=True),
            self.parts.command: gr.Code(downloads.command, visible=True),
        }

    def _look_anew(self, desk: Desk, network: Any, *asked: Any) -> Answer:
        """Another picture: the class that is predicted for it is explained, whichever was before."""
        return self._look(desk, network, *asked[:-1], PREDICTED)

    def _look(self, desk: Desk, network: Any, *asked: Any) -> Answer:
        began, p = time.perf_counter(), self.parts
        desk = explained(self.studio, self.studio.open(network), desk, Asked(network, *asked))
        view, choice = seen(desk)
        easel, classes, maps = shown(view)
        easel["caption"] += f", answered in {time.perf_counter() - began:.2f} s"
        target = PREDICTED if choice.target is None else choice.target
        answer = {p.desk: desk, p.target: target, p.easel: easel, p.classes: classes, p.maps: maps}
        return {**answer, **self._of_before()}

    def _nothing(self, desk: Desk, reason: UserError) -> Answer:
        """There is no map, and the reason stands in its place."""
        p = self.parts
        desk = replace(desk, view=None)
        return {p.desk: desk, p.easel: None, p.classes: "", p.maps: refusal_html(str(reason)), **self._of_before()}

    def _of_before(self) -> Answer:
        """What was made of an earlier look goes."""
        p = self.parts
        return {p.trust: "", p.files: gr.File(None, visible=False), p.command: gr.Code("", visible=False)}


def _told_by(event: gr.EventData, name: str) -> Any:
    """What the browser says about an event, whatever that is; None if it does not say it."""
    return (event._data or {}).get(name)
