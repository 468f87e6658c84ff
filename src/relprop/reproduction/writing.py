"""Write a paper's tables, figures and report into a folder, and log them."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from relprop.callbacks.loggers import log_figure, log_table
from relprop.experiment.building import build_logger_for
from relprop.loggers import close, log_config
from relprop.report import Page, Section, render
from relprop.reproduction.assembling import means_only
from relprop.reproduction.paper import Paper
from relprop.reproduction.parts import Part
from relprop.reproduction.plan import Plan
from relprop.resuming import write_json
from relprop.tables import to_csv, to_latex, to_markdown, to_terminal

log = logging.getLogger(__name__)

REPORT, RESULTS, FACTS = "report.html", "README.md", "results.json"


def write(paper: Paper, parts: Sequence[Part], plan: Plan, folder: Path) -> None:
    """All that has come out, into `folder`, and the means on the screen.

    `TABLE.md`, `.tex` and `.csv` and `TABLE_FIGURE.png` of every table; README.md, which shows them all; `results.json`
    with every single value; `report.html`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        label = f"tab:{paper.name}_{part.name}"
        forms = {"md": to_markdown(part.table), "csv": to_csv(part.table), "tex": to_latex(part.table, label)}
        for suffix, text in forms.items():
            _write(folder / f"{part.name}.{suffix}", text)
        for name, picture in part.pictures.items():
            (folder / f"{part.name}_{name}.png").write_bytes(picture)
        Console().print(to_terminal(means_only(part.table)))
    _write(folder / RESULTS, _overview(paper, parts))
    write_json({part.name: dict(part.facts) for part in parts}, folder / FACTS)
    _write(folder / REPORT, render(_page(paper, parts, plan)))
    log.info("tables, figures and report: %s", ", ".join(map(str, sorted(folder.glob("[!.]*.*")))))


def log_parts(config: DictConfig, parts: Sequence[Part], origin: Mapping[str, Any]) -> None:
    """Tables and figures, to the config's logger, as a run of their own in the group of the cells' runs."""
    folder = Path(config.run_dir)
    options = OmegaConf.masked_copy(config, [str(key) for key in config])
    if options.logger.name == "wandb":
        options.logger.update(group=config.paper.name, run_name="tables")
    logger = build_logger_for(options, folder)
    if logger is None:
        return
    warnings.filterwarnings("ignore", "Experiment logs directory .* is not empty")  # an earlier command's, done again
    log_config(logger, options, origin)
    for part in parts:
        columns = [column.within_group(column.name) for column in part.table.columns]
        log_table(logger, part.name, columns, part.table.cells())
        for name, figure in part.figures.items():
            log_figure(logger, f"{part.name}_{name}", figure)
    close([logger])


def _page(paper: Paper, parts: Sequence[Part], plan: Plan) -> Page:
    sections = [section for part in parts for section in part.sections or [Section(part.name, part.table)]]
    configs = {task.label: OmegaConf.to_yaml(task.config) for task in plan.tasks}
    return Page(paper.title, " ".join(part.table.caption for part in parts), sections, paper.notes, configs)


def _overview(paper: Paper, parts: Sequence[Part]) -> str:
    """All tables and figures on one page of Markdown."""
    lines = [f"# {paper.title}\n"]
    for part in parts:
        lines.append(to_markdown(part.table))
        lines += [f"![{part.name}, {name}]({part.name}_{name}.png)\n" for name in part.figures]
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    """There whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
