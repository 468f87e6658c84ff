"""How long explaining and scoring would take, from a few images."""

import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from relprop.callbacks import Explain
from relprop.checkpoints import load_network
from relprop.data import Batch, ImageDataModule
from relprop.experiment.building import on_cpu, options_of
from relprop.experiment.explaining import build_explain, limit_of
from relprop.experiment.fitting import images_for_patterns
from relprop.lrp import fit_patterns
from relprop.models import build_model
from relprop.reproduction.reading import data_of

SAMPLE, BATCHES = 4, 2


def seconds_of_scoring(config: DictConfig, checkpoint: Path | None, known: dict[str, float]) -> float:
    """Of a run of `visualize.py` on all of its images, in this process.

    Four images are timed, after one that is not, and two batches of training images where patterns are to be fitted. A
    network that is yet to be trained has new weights. `known` are seconds of what other runs have in common with this
    one, explaining by the same method or scoring by the same metric and protocol; what is measured here is added.
    """
    by_method, by_metric = (_said(config, *parts) for parts in (("method", "reduction"), ("metric", "postprocess")))
    once, explaining, scoring = f"once {by_method}", f"image {by_method}", f"image {by_metric}"
    if not {once, explaining, scoring} <= known.keys():
        measured = _measure(config, checkpoint)
        known.update(zip((once, explaining, scoring), measured, strict=True))
    images = data_of(config, limit=limit_of(config)).test_size
    return known[once] + images * (known[explaining] + known[scoring])


def _said(config: DictConfig, *parts: str) -> str:
    """What these parts of the config say, and of which network."""
    kept = OmegaConf.masked_copy(config, ["dataset", "model", "images", "ckpt", *parts])
    return OmegaConf.to_yaml(kept)


def _measure(config: DictConfig, checkpoint: Path | None) -> tuple[float, float, float]:
    """Seconds before the first image, and for each image of explaining and of scoring."""
    began = time.perf_counter()
    device = torch.device("cpu" if on_cpu(config) else "cuda")
    data = data_of(config, limit=SAMPLE, per_class=None, batch_size=SAMPLE)
    network = _network(config, checkpoint, data).eval().to(device)
    with TemporaryDirectory() as folder:
        options = options_of(config.method)
        fitting = _fit(config, network, device, Path(folder) / "patterns.safetensors", options)
        explain = build_explain(config, network, data, options, "predicted")
    batch = next(iter(data.test_dataloader()))
    batch = data.on_after_batch_transfer(batch._replace(images=batch.images.to(device)))
    explain.metric.to(device)
    _run(explain, network, batch, 1)
    before = time.perf_counter() - began
    explaining, scoring = _run(explain, network, batch, SAMPLE)
    return before + fitting, explaining / SAMPLE, scoring / SAMPLE


def _network(config: DictConfig, checkpoint: Path | None, data: ImageDataModule) -> nn.Module:
    options = options_of(config.model)
    if checkpoint is None:
        name, classes, size = config.model.name, data.num_classes, data.image_size
        return build_model(name, num_classes=classes, image_size=size, **options)
    return load_network(checkpoint, config.model.name, data, options)[0]


def _fit(config: DictConfig, network: nn.Module, device: torch.device, path: Path, options: dict[str, object]) -> float:
    """Seconds of fitting patterns on all training images, if that is to be done; `options` get patterns for a trial."""
    data = images_for_patterns(config)
    if data is None:
        return 0.0
    began = time.perf_counter()
    batches = (batch._replace(images=batch.images.to(device)) for batch in islice(data.train_dataloader(), BATCHES))
    fit_patterns(network, map(data.on_after_batch_transfer, batches), bn=config.method.bn).save(path)
    options["patterns"] = str(path)
    return (time.perf_counter() - began) * len(data.train_dataloader()) / BATCHES


def _run(explain: Explain, network: nn.Module, batch: Batch, count: int) -> tuple[float, float]:
    """Seconds of explaining and of scoring so many of the batch's images."""
    images, indices = batch.images[:count], batch.indices[:count]
    boxes = None if batch.boxes is None else batch.boxes[:count]
    began = time.perf_counter()
    with torch.no_grad():
        target = explain.classes(network(images), batch._replace(images=images, labels=batch.labels[:count]))
    heatmaps = explain.explain(images, target, indices)
    explained = time.perf_counter()
    explain.metric.update(images, heatmaps, target, boxes)
    explain.metric.compute()
    explain.metric.reset()
    return explained - began, time.perf_counter() - explained
