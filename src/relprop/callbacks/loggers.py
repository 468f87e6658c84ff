"""Pictures, tables and summary values for each kind of logger."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure

from relprop.enduring import attempt
from relprop.visualization import figure_to_array, save_figure


def log_figure(logger: Logger, name: str, figure: Figure) -> None:
    """W&B and TensorBoard take the picture; beside a CSV log it becomes a PNG file."""
    attempt(logger, lambda taker: _log_figure(taker, name, figure))


def log_table(logger: Logger, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """W&B takes the table, TensorBoard a Markdown text; beside a CSV log it becomes a CSV file."""
    attempt(logger, lambda taker: _log_table(taker, name, columns, rows))


def log_summary(logger: Logger, values: Mapping[str, float]) -> None:
    """Final values: W&B's summary, a scalar or row elsewhere."""
    attempt(logger, lambda taker: _log_summary(taker, values))


def _log_figure(logger: Logger, name: str, figure: Figure) -> None:
    if isinstance(logger, WandbLogger):
        logger.log_image(name, [figure_to_array(figure)])
    elif isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, figure_to_array(figure), dataformats="HWC")
    elif isinstance(logger, CSVLogger):
        save_figure(figure, Path(logger.log_dir) / f"{name}.png")


def _log_table(logger: Logger, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if isinstance(logger, WandbLogger):
        logger.log_table(name, columns=list(columns), data=[list(row) for row in rows])
    elif isinstance(logger, TensorBoardLogger):
        lines = [columns, ["---"] * len(columns), *rows]
        logger.experiment.add_text(name, "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))
    elif isinstance(logger, CSVLogger):
        with (Path(logger.log_dir) / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])


def _log_summary(logger: Logger, values: Mapping[str, float]) -> None:
    if isinstance(logger, WandbLogger):
        logger.experiment.summary.update(dict(values))
    else:
        logger.log_metrics({f"summary/{name}": value for name, value in values.items()})
        logger.save()
