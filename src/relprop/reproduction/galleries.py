"""Curves and pictures of a table's cells, for the report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relprop.callbacks.pictures import KINDS
from relprop.report import Curve, Gallery, Shown
from relprop.reproduction.assembling import title_of
from relprop.reproduction.results import Pictures, Results, rows_of
from relprop.reproduction.tasks import Task
from relprop.visualization import colourize, is_signed
from relprop.visualization.curve_rows import CURVES, SCORES
from relprop.visualization.curves import mean_interval


def curves_of(results: Results, network: str) -> list[Curve]:
    """The mean curves of every cell that has some, with the 95 % interval of the mean at every point."""
    return [
        curve
        for column in results.spec.columns
        for row in results.spec.rows
        for task in results.done(network, row, column)[:1]
        for curve in _curves(rows_of(task), row, column)
    ]


def galleries_of(results: Results, network: str) -> list[Gallery]:
    """The best and the worst images of every row, and the same ones of all, from the first column that has them."""
    galleries = []
    for row in results.spec.rows:
        tasks = [task for column in results.spec.columns for task in results.done(network, row, column)]
        if tasks and Pictures.kept(tasks[0]):
            galleries.append(_gallery(tasks[0], row))
    return galleries


def _curves(rows: Sequence[Mapping[str, Any]], method: str, column: str) -> Iterator[Curve]:
    for name in CURVES:
        key = f"{name}_curve"
        if key not in rows[0]:
            continue
        values = np.array([row[key] for row in rows])
        low, high = mean_interval(values) if len(rows) > 1 else (values[0], values[0])
        score = rows[0].get("score", "probability")
        if score == "probability":  # whose normal interval may go beyond what there is
            low, high = low.clip(0, 1), high.clip(0, 1)
        panel = f"{name}, {column}" if column else name
        yield Curve(
            method,
            panel,
            rows[0]["fractions"],
            values.mean(0).tolist(),
            low.tolist(),
            high.tolist(),
            x_label="share of pixels",
            y_label=SCORES[score],
        )


def _gallery(task: Task, method: str) -> Gallery:
    pictures, by_index = Pictures.read(task), {row["index"]: row for row in rows_of(task)}
    signed = any(is_signed(pictures.heatmaps(kind)) for kind in KINDS if pictures.indices(kind))
    score = next(reversed(task.summary["better"]))

    def shown(kind: str) -> Iterator[Shown]:
        if not pictures.indices(kind):
            return
        colours = colourize(pictures.heatmaps(kind), signed)
        for image, colour, index in zip(pictures.images(kind), colours, pictures.indices(kind), strict=True):
            row = by_index[index]
            value = "–" if row[score] is None else f"{row[score]:.3f}"
            name = pictures.class_names[row["target"]]
            caption = f"{name}, {100 * row['probability']:.0f} %; {title_of(score)} {value} (test image {index})"
            yield Shown(_pixels(image), _pixels(colour), caption)

    return Gallery(method, *(list(shown(kind)) for kind in KINDS))


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """Float (3, H, W) in [0, 1] as uint8 (H, W, 3)."""
    return np.ascontiguousarray((image * 255).round().byte().permute(1, 2, 0).numpy())
