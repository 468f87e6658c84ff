"""Explain test images and score the heatmaps, in one process or several, and from where a killed run stopped."""

import logging
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from relprop.callbacks import TARGETS, AuditBatch, Explain, KeepPictures, Report
from relprop.data import ImageDataModule
from relprop.data.classes import class_index
from relprop.errors import UserError
from relprop.experiment.building import (
    build_data,
    build_logger_for,
    build_metric,
    build_trainer,
    options_of,
    process_count,
    start,
)
from relprop.experiment.fitting import fitted_patterns, images_for_patterns
from relprop.experiment.method import Method, build_method, describe_method
from relprop.experiment.network import must_train, network_for
from relprop.explainers.lrp import LRPExplainer
from relprop.loggers import close, log_config
from relprop.processes import first
from relprop.provenance import provenance
from relprop.resuming import ROWS, begin, continues, forget, hold
from relprop.rows import RowFile
from relprop.training import Predictor

log = logging.getLogger(__name__)


def visualize(config: DictConfig, checkpoint: Path | None, asked: DictConfig | None = None) -> None:
    """`score` with all pictures, and say on the screen what has come out."""
    report = score(config, checkpoint, asked)
    if report is None:
        return
    _print_scores(report.summary, report.explain.metric.scores, report.folder)
    if report.audit:
        log.info(report.audit.line)


def score(
    config: DictConfig,
    checkpoint: Path | None,
    asked: DictConfig | None = None,
    *,
    data: ImageDataModule | None = None,
    for_tables: bool = False,
) -> Report | None:
    """Explain test images with the config's method, score the heatmaps, write and log both into `config.run_dir`.

    `checkpoint` is what `choose_checkpoint` gives; `asked` is the config as the command has it, by which a killed run
    is known again, where `config` has been completed. If the folder holds a killed run of the same config, it goes on.
    With several processes the first one does all that needs doing once, and the others explain and score, and get None.
    `data` are the config's images, if they have been read before. `for_tables`: `KeepPictures` keeps images and
    heatmaps as they are, for those who draw many runs together, instead of pictures.
    """
    _check_processes(config, checkpoint)
    asked = config if asked is None else asked
    origin = provenance()  # before anything is written, which may be tracked by git
    folder = Path(config.run_dir)
    data = data or build_data(config, limit=limit_of(config), batch_size=config.batch_size)
    # Whatever is wrong with images or classes is said before a network is trained or downloaded.
    data.setup("test")
    target = config.target if config.target in TARGETS else class_index(config.target, data.class_names)
    to_fit_on = images_for_patterns(config)
    with hold(folder) if first() else nullcontext():
        continued = first() and continues(folder, asked)
        network, checkpoint = network_for(config, checkpoint, data)
        if first() and not continued:
            forget(folder)  # whose patterns and config are about to be replaced
        start(config, folder)
        options = options_of(config.method)
        if to_fit_on is not None:
            path = folder / "patterns.safetensors"
            options["patterns"] = fitted_patterns(config, network, to_fit_on, path, continued)
        explain = build_explain(config, network, data, options, target)
        if not first():
            _help(config, network, explain, folder)
            return None
        if not continued:
            begin(folder, asked, checkpoint)
        rows = RowFile(folder / ROWS, data.test_batches())
        if continued:
            log.info("continuing %s: %d of %d images were scored before", folder, rows.resumed, rows.total)
        return _lead(config, network, explain, rows, origin, for_tables)


def limit_of(config: DictConfig) -> int | None:
    """How many test images; None: as many as the data set itself says."""
    return config.images if config.dataset.per_class is None else None


def _lead(
    config: DictConfig, network: nn.Module, explain: Explain, rows: RowFile, origin: dict[str, Any], for_tables: bool
) -> Report:
    """Run as the process that writes."""
    folder, method = Path(config.run_dir), explain.explain
    explain.rows = rows
    assert isinstance(method, Method)
    audit = None
    if config.audit and isinstance(method.explainer, LRPExplainer):  # other methods are refused by `check_values`
        audit = AuditBatch(method.explainer.engine, explain, folder)
    title = f"{describe_method(config, method.pipeline)}, {config.model.name} on {explain.data.name}"
    choices = {"metric": config.metric.name, **method.describe()}
    report = Report(explain, rows, folder, title, config.seed, choices, origin, audit, draws=not for_tables)
    before = [*([audit] if audit else []), *([KeepPictures(explain, rows, folder)] if for_tables else [])]
    warnings.filterwarnings("ignore", "Experiment logs directory .* is not empty")  # an earlier session's, done again
    trainer = build_trainer(config, folder, build_logger_for(config, folder), [explain, *before, report])
    for logger in trainer.loggers:
        log_config(logger, config, origin)
    trainer.test(Predictor(network), explain.data, verbose=False)
    close(trainer.loggers)
    rows.close()
    return report


def _help(config: DictConfig, network: nn.Module, explain: Explain, folder: Path) -> None:
    """Run as one of the other processes."""
    trainer = build_trainer(config, folder, None, [explain])
    try:
        trainer.test(Predictor(network), explain.data, verbose=False)
    except UserError:  # the first process says what is wrong
        raise SystemExit(0) from None


def _check_processes(config: DictConfig, checkpoint: Path | None) -> None:
    """Refuse what each of several processes would do for itself."""
    devices, strategy = config.trainer.devices, config.trainer.get("strategy", "auto")
    if process_count(config) == 1:
        return
    if strategy not in ("auto", "ddp"):
        raise UserError(f"trainer.strategy={strategy} is not valid for explaining; choose one of: auto, ddp")
    if must_train(config, checkpoint):
        name, dataset = config.model.name, config.dataset.name
        raise UserError(
            f"trainer.devices={devices}: there is no checkpoint yet, and the network is trained by one process; make "
            f"one with 'python scripts/train.py dataset={dataset} model={name}', then leave ckpt=train out"
        )


def build_explain(
    config: DictConfig, network: nn.Module, data: ImageDataModule, options: dict[str, Any], target: str | int
) -> Explain:
    """What explains and scores test images of `data`, with these `options` of the method.

    The metric gets of method and data what it takes.
    """

    def method_for(model: nn.Module) -> Method:
        return build_method(config, model, data, options)

    method = method_for(network)
    offers = {"mean": data.mean, "std": data.std, "explain": method, "explain_model": method_for}
    if isinstance(method.explainer, LRPExplainer):
        offers["trace"] = method.explainer.engine.trace
    labels = {"dataset": data.name, "model": config.model.name, "method": config.method.name, **options}
    return Explain(method, build_metric(config, network, offers), data, target, labels, keep=config.sheet)


def _print_scores(summary: dict[str, Any], scores: tuple[str, ...], folder: Path) -> None:
    table = Table("", "mean", "std", "95 % interval", "worst", title=f"{summary['method']}, {summary['n']} images")
    for name in scores:
        of = summary[name]
        interval = " … ".join(map(_shown, of["interval"] or [])) or "–"
        table.add_row(name, _shown(of["mean"]), _shown(of["std"]), interval, _shown(of["worst"]))
    Console().print(table)
    if "forwards" in summary:
        requested, run = summary["forwards"]["requested"], summary["forwards"]["run"]
        log.info("forwards: %d for %d pictures, since identical ones are classified once", run, requested)
    log.info("pictures: %s", ", ".join(str(path) for path in sorted(folder.glob("*.png"))))


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
