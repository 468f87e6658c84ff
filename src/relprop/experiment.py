"""What the scripts do: build from a config, run, write results."""

import inspect
import logging
import time
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from torch import nn

from relprop.callbacks import AuditBatch, Explain, Report
from relprop.checkpoints import load_network
from relprop.data import ImageDataModule, build_datamodule
from relprop.errors import UserError
from relprop.explainers import EXPLAINERS, get_explainer
from relprop.explainers.lrp import LRPExplainer, takes_patterns
from relprop.loggers import build_logger, close
from relprop.lrp import Patterns, fit_patterns
from relprop.metrics import get_metric
from relprop.models.weights import load_weights
from relprop.registry import choose
from relprop.results import device_name, provenance, write_summary
from relprop.runs import BEST, CONFIG
from relprop.training import Classifier, Predictor, resolve_precision

log = logging.getLogger(__name__)


def train(config: DictConfig) -> None:
    """Train as the config says.

    Writes the composed config, the best and the last checkpoint, the log and `summary.json` into `config.run_dir`.
    """
    _train(config, Path(config.run_dir), config.ckpt)


def visualize(config: DictConfig, checkpoint: Path | None) -> None:
    """Explain test images with the config's method, score the heatmaps, write and log both into `config.run_dir`.

    `checkpoint` is what `choose_checkpoint` gives.
    """
    if config.trainer.devices != 1:
        raise UserError(f"trainer.devices={config.trainer.devices}: explaining runs on one device, trainer.devices=1")
    folder = Path(config.run_dir)
    data = _data(config, limit=config.images, batch_size=config.batch_size)
    data.setup("test")  # whatever is wrong with the images is said before a network is trained or downloaded
    to_fit_on = _images_for_patterns(config)

    def train_now() -> Path:
        log.info("training %s on %s", config.model.name, data.name)
        return _train(config, Path(config.output_dir) / "train" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}", None)

    if config.ckpt == "train":
        checkpoint = train_now()
    network, source = load_network(checkpoint, config.model.name, data, train_now)
    log.info("explaining %s", source)
    origin = _start(config, folder)
    fitted = {} if to_fit_on is None else {"patterns": _fit_patterns(config, network, to_fit_on, folder)}
    explain = _explain(config, network, data, {**_options(config.method), **fitted})
    audit = _audit(config, explain, folder)
    title = f"{_describe(config)}, {config.model.name} on {data.name}"
    report = Report(explain, folder, title, config.seed, origin, audit)
    trainer = _trainer(config, folder, [explain, *([audit] if audit else []), report])
    trainer.test(Predictor(network), data, verbose=False)
    close(trainer.loggers)
    _print_scores(report.summary, explain.metric.scores, folder)
    if audit:
        log.info(audit.line)


def _train(config: DictConfig, folder: Path, ckpt: str | None) -> Path:
    """Train, test, and give the best checkpoint by validation accuracy."""
    origin = _start(config, folder)
    began = time.perf_counter()
    data = _data(config)
    classifier = Classifier(
        dataset=data.name,
        model=config.model.name,
        class_names=list(data.class_names),
        image_size=data.image_size,
        optimizer=_plain(config.optimizer),
        scheduler=_plain(config.scheduler),
    )
    if ckpt is not None:
        load_weights(classifier.model, ckpt)
    best = _checkpoints(folder / BEST)
    trainer = _trainer(config, folder, [best])
    trainer.fit(classifier, data)
    if best.best_model_path:  # a fast_dev_run writes none
        load_weights(classifier.model, best.best_model_path)
    (scores,) = trainer.test(classifier, data, verbose=False)
    summary = {
        "dataset": data.name,
        "model": config.model.name,
        "epochs": trainer.current_epoch,
        "precision": trainer.precision,
        "n": len(data.split("test")),
        **{name.replace("/", "_"): value for name, value in scores.items()},
        "wall_time_seconds": time.perf_counter() - began,
        "seed": config.seed,
        "device": device_name(trainer.strategy.root_device),
        **origin,
    }
    write_summary(summary, folder / "summary.json")
    close(trainer.loggers)
    log.info("test accuracy %.2f %% of %d images, in %s", 100 * scores["test/accuracy"], summary["n"], folder)
    return folder / BEST


def _start(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Seed everything; write the composed config beside the results to come; say where they will come from."""
    for chatty in ("lightning.pytorch", "lightning.fabric"):  # tells of other products and of absent TPUs
        logging.getLogger(chatty).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec")  # Lightning's use of torch, not ours
    L.seed_everything(config.seed, workers=True, verbose=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    return provenance()


def _data(config: DictConfig, **changes: Any) -> ImageDataModule:
    options = {key: value for key, value in _plain(config.dataset).items() if key != "epochs"}
    return build_datamodule(**{**options, "seed": config.seed, **changes})


def _checkpoints(best: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        best.parent,
        filename=best.stem,
        monitor="val/accuracy",
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )


def _trainer(config: DictConfig, folder: Path, callbacks: list[Callback]) -> L.Trainer:
    options = _plain(config.trainer)
    options["precision"], message = resolve_precision(options["precision"], _on_cpu(config))
    if message:
        log.info(message)
    bars: list[Callback] = [RichProgressBar()] if options["enable_progress_bar"] else []
    try:
        return L.Trainer(
            **options,
            logger=build_logger(config.logger.name, folder, **_options(config.logger)),
            callbacks=[*callbacks, *bars],
            default_root_dir=folder,
            enable_model_summary=False,
        )
    except (TypeError, ValueError, L.fabric.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"lightning.Trainer refuses the options of 'trainer': {error}") from error


def _on_cpu(config: DictConfig) -> bool:
    return config.trainer.accelerator == "cpu" or not torch.cuda.is_available()


def _images_for_patterns(config: DictConfig) -> ImageDataModule | None:
    """The data set whose training images the method's patterns are to be fitted on; None if it needs or has no such.

    Whatever is wrong with the images or with the file `method.patterns` is said here.
    """
    if "patterns" not in config.method:
        return None
    takes, file = takes_patterns(config.method.composite), config.method.patterns
    if file is not None:
        if not takes:
            name = config.method.composite
            raise UserError(f"method.patterns={file}: composite={name} has no rule that takes patterns; leave it out")
        Patterns.load(Path(str(file)).expanduser())
    if file is not None or not takes:
        return None
    data = _data(config)
    data.split("train")
    return data


def _fit_patterns(config: DictConfig, network: nn.Module, data: ImageDataModule, folder: Path) -> str:
    """The file in `folder` with patterns from one pass over the training images.

    They are not augmented, but for the random cut that makes ImageNet's equal in size when they are read.
    """
    device = "cpu" if _on_cpu(config) else "cuda"
    network.to(device)
    batches = (batch._replace(images=batch.images.to(device)) for batch in data.train_dataloader())
    path = folder / "patterns.safetensors"
    fit_patterns(network, map(data.on_after_batch_transfer, batches), bn=config.method.bn).save(path)
    log.info("patterns fitted on the %d training images of %s: %s", len(data.split("train")), data.name, path)
    return str(path)


def _explain(config: DictConfig, network: nn.Module, data: ImageDataModule, options: dict[str, Any]) -> Explain:
    """`options` of the method; a method that takes mean and standard deviation of the images gets them besides."""
    name, statistics = config.method.name, {"mean": data.mean, "std": data.std}
    takes = inspect.signature(choose("method", name, EXPLAINERS)).parameters
    explainer = get_explainer(name, network, **options, **{key: statistics[key] for key in statistics if key in takes})
    metric = get_metric(config.metric.name, network, **_options(config.metric), **statistics)
    labels = {"dataset": data.name, "model": config.model.name, "method": name, **options}
    return Explain(explainer, metric, data, config.reduction, config.target, labels, keep=config.sheet)


def _audit(config: DictConfig, explain: Explain, folder: Path) -> AuditBatch | None:
    """None unless asked for; other methods than LRP have been refused by `check_values`."""
    if config.audit and isinstance(explain.explainer, LRPExplainer):
        return AuditBatch(explain.explainer.engine, explain, folder)
    return None


def _describe(config: DictConfig) -> str:
    """Method, composite and skip, and whatever else is not a default, as on the command line."""
    defaults = {key: p.default for key, p in inspect.signature(EXPLAINERS[config.method.name]).parameters.items()}
    defaults |= {"composite": None, "skip": None, "start": config.composite.start}
    said = [f"{key}={value}" for key, value in _options(config.method).items() if value != defaults[key]]
    return " ".join([config.method.name, *said])


def _print_scores(summary: dict[str, Any], scores: tuple[str, ...], folder: Path) -> None:
    table = Table("", "mean", "std", "95 % interval", title=f"{summary['method']}, {summary['n']} images")
    for name in scores:
        statistics = summary[name]
        interval = " … ".join(f"{bound:.4f}" for bound in statistics["interval"] or [])
        std = "–" if statistics["std"] is None else f"{statistics['std']:.4f}"
        table.add_row(name, f"{statistics['mean']:.4f}", std, interval or "–")
    Console().print(table)
    log.info("pictures: %s", ", ".join(str(path) for path in sorted(folder.glob("*.png"))))


def _options(choice: DictConfig) -> dict[str, Any]:
    return {key: value for key, value in _plain(choice).items() if key != "name"}


def _plain(config: DictConfig) -> dict[str, Any]:
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}
