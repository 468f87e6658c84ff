"""What the page is made of, from top to bottom."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from omegaconf import DictConfig

from relprop.demo.answers import class_choices
from relprop.demo.choice import METHODS, MOST_METHODS, PREDICTED, SKIPS
from relprop.demo.desk import Desk
from relprop.demo.patches import PAINTS
from relprop.demo.rendering import template
from relprop.demo.uploads import MOST_MEGABYTES
from relprop.lrp import list_composites

LAYERS = "Layers"  # the tab that follows the picture
KEPT_SECONDS = 3600  # what a visitor has done is forgotten after an hour without a word
HEADER = """<header><h1>relprop</h1><p>Which pixels made the decision? Choose a picture, look at its heatmaps, paint
over what they point at, and see what the network makes of the rest.</p></header>"""


@dataclass(frozen=True)
class Parts:
    """The components that something happens to, or that show what has."""

    desk: gr.State
    tab: gr.State
    network: gr.Dropdown
    photo: gr.Image
    samples: gr.HTML
    methods: gr.Dropdown
    composite: gr.Dropdown
    skip: gr.Dropdown
    relevance_filter: gr.Slider
    target: gr.Dropdown
    easel: gr.HTML
    classes: gr.HTML
    maps: gr.HTML
    tabs: gr.Tabs
    layers: gr.HTML
    trust: gr.HTML
    run_trust: gr.Button
    write: gr.Button
    files: gr.File
    command: gr.Code

    @property
    def asked(self) -> list[Any]:
        """What every question about a picture depends on, in the order of `Asked`."""
        return [self.network, self.methods, self.composite, self.skip, self.relevance_filter, self.target]


def build_parts(config: DictConfig, methods: list[str], skip: str) -> Parts:
    """Lay the page out; `config`, `methods` and `skip` are what is chosen at first. To be called within `gr.Blocks`."""
    desk, tab = gr.State(Desk(), time_to_live=KEPT_SECONDS), gr.State("")
    gr.HTML(HEADER, elem_id="header")
    with gr.Row(elem_id="desk", equal_height=False):
        with gr.Column(scale=0, min_width=300, elem_id="controls"):
            controls = _controls(config, methods, skip)
        with gr.Column(scale=1, min_width=320, elem_id="results"):
            results = _results()
    return Parts(desk=desk, tab=tab, **controls, **results)


def _controls(config: DictConfig, methods: list[str], skip: str) -> dict[str, Any]:
    """What is chosen, at the left."""
    with gr.Column(elem_id="picture-controls"):
        network = gr.Dropdown([], label="network", elem_id="network")
        photo = gr.Image(
            sources=["upload", "webcam", "clipboard"],
            label=f"your photograph, up to {MOST_MEGABYTES} MB",
            height=190,
            elem_id="photo",
            buttons=[],
        )
        samples = gr.HTML(js_on_load=template("clicks.js"), elem_id="samples", apply_default_css=False)
    with gr.Column(elem_id="method-controls"):
        how = _method_controls(config, methods, skip)
        target = gr.Dropdown(class_choices([]), value=PREDICTED, label="explained class", elem_id="target")
    return {"network": network, "photo": photo, "samples": samples, "target": target, **how}


def _method_controls(config: DictConfig, methods: list[str], skip: str) -> dict[str, Any]:
    """How the picture is explained."""
    chosen = gr.Dropdown(
        list(METHODS), value=methods, multiselect=True, max_choices=MOST_METHODS, label="methods", elem_id="methods"
    )
    with gr.Group():
        composite = gr.Dropdown(
            list_composites(), value=config.composite.name, label="composite, the rules of lrp", elem_id="composite"
        )
        division = gr.Dropdown(list(SKIPS), value=skip, label="skip, how additions divide", elem_id="skip")
        kept = config.method.get("relevance_filter", 1.0)
        relevance_filter = gr.Slider(
            0.01, 1, value=kept, step=0.01, label="filter, share of relevances kept", elem_id="filter", buttons=[]
        )
    return {"methods": chosen, "composite": composite, "skip": division, "relevance_filter": relevance_filter}


def _results() -> dict[str, Any]:
    """What comes of it, at the right."""
    with gr.Row(equal_height=False, elem_id="look"):
        with gr.Column(scale=0, min_width=300, elem_id="easel-column"):
            easel = gr.HTML(
                None,
                html_template=template("canvas.html"),
                js_on_load=template("canvas.js"),
                paints=list(PAINTS),
                elem_id="easel",
                apply_default_css=False,
            )
        with gr.Column(scale=1, min_width=280, elem_id="found"):
            classes = gr.HTML(js_on_load=template("clicks.js"), elem_id="classes", apply_default_css=False)
            view = gr.Radio(["map", "overlay", "both"], value="both", show_label=False, container=False, elem_id="view")
            view.change(None, view, js="(view) => { document.body.dataset.view = view; }", show_progress="hidden")
            maps = gr.HTML(elem_id="maps", apply_default_css=False)
    with gr.Tabs(elem_id="tabs") as tabs:
        with gr.Tab("Trust", id="trust"):
            gr.HTML(
                "<p class='note'>The most relevant pixels are shown first, or hidden first: a good map makes the "
                "probability rise soon, or fall soon. A random map is the floor.</p>"
            )
            run_trust = gr.Button("Run insertion and deletion", variant="primary", scale=0, elem_id="run-trust")
            trust = gr.HTML(elem_id="trust")
        with gr.Tab(LAYERS, id="layers"):
            layers = gr.HTML(
                None,
                html_template=template("layers.html"),
                js_on_load=template("layers.js"),
                elem_id="layers",
                apply_default_css=False,
            )
        with gr.Tab("Download", id="download"):
            gr.HTML(
                "<p class='note'>The picture, the maps as safetensors, the input as the network saw it, and the "
                "command that makes the same again.</p>"
            )
            write = gr.Button("Write the files", variant="primary", scale=0, elem_id="write")
            files = gr.File(label="files", file_count="multiple", interactive=False, elem_id="files", visible=False)
            command = gr.Code(
                language="shell",
                label="the same in a terminal",
                lines=1,
                wrap_lines=True,
                elem_id="command",
                visible=False,
            )
    return {
        "easel": easel,
        "classes": classes,
        "maps": maps,
        "tabs": tabs,
        "layers": layers,
        "trust": trust,
        "run_trust": run_trust,
        "write": write,
        "files": files,
        "command": command,
    }
