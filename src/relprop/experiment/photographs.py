"""Explain photographs: what a trained network sees in them, by one method or several."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from relprop.data import Batch, ImageDataModule
from relprop.data.classes import class_index
from relprop.data.files import with_progress
from relprop.data.opening import find_images, read_photo
from relprop.data.photos import single_cut
from relprop.errors import UserError
from relprop.experiment.building import build_data, build_logger_for, on_cpu, options_of, plain, start
from relprop.experiment.fitting import fitted_patterns, images_for_patterns
from relprop.experiment.method import Method, build_method, describe_method
from relprop.experiment.network import network_for
from relprop.experiment.photo_files import Explained, PhotoFiles
from relprop.inference import evaluation_mode, exact_float32
from relprop.loggers import close
from relprop.provenance import provenance
from relprop.results import device_name
from relprop.resuming import SUMMARY, write_json

log = logging.getLogger(__name__)

TOP = 5


@dataclass(frozen=True)
class Photo:
    """A file and what the network sees of it, uint8 (3, S, S)."""

    path: Path
    pixels: Tensor


def explain_photos(configs: Sequence[DictConfig], checkpoint: Path | None) -> None:
    """Explain the photographs `config.image` by the method of each of the configs, which are equal but for that.

    `checkpoint` is what `choose_checkpoint` gives. Writes pictures, maps and the top-5 into `config.run_dir`; what they
    are is said in `photo_files`. A file that cannot be read is named and left out; raises `UserError` at the end if
    there were any, at once if there is nothing else.
    """
    config, origin, began = configs[0], provenance(), time.perf_counter()
    paths = find_images(str(config.image))
    data = build_data(config)
    target = None if config.target == "predicted" else class_index(config.target, data.class_names)
    to_fit_on = [images_for_patterns(each) for each in configs]
    network, checkpoint = network_for(config, checkpoint, data)
    folder = Path(config.run_dir)
    start(_joined(configs), folder)
    device = torch.device("cpu" if on_cpu(config) else "cuda")
    network = network.to(device)
    methods: dict[str, Method] = {}
    for each, images in zip(configs, to_fit_on, strict=True):
        options = options_of(each.method)
        if images is not None:
            options["patterns"] = fitted_patterns(each, network, images, folder / "patterns.safetensors", False)
        methods[each.method.name] = build_method(each, network, data, options)
    said = {each.method.name: describe_method(each, methods[each.method.name].pipeline) for each in configs}
    files = PhotoFiles(folder, said, f"{config.model.name} on {data.name}", data.class_names)
    logger = build_logger_for(config, folder)
    refused: dict[Path, str] = {}
    for photos in _readable(paths, config.batch_size, data.image_size, refused):
        for explained in _explain(photos, network, methods, data, target, device):
            files.write(explained, logger)
    close([logger])
    _finish(
        files,
        refused,
        {
            "model": config.model.name,
            "dataset": data.name,
            "weights": checkpoint.name if checkpoint else "torchvision",
            "methods": {name: {"options": said[name], **method.describe()} for name, method in methods.items()},
            "wall_time_seconds": time.perf_counter() - began,
            "seed": config.seed,
            "device": device_name(device),
            **origin,
        },
    )


def _explain(
    photos: Sequence[Photo],
    network: nn.Module,
    methods: Mapping[str, Method],
    data: ImageDataModule,
    target: int | None,
    device: torch.device,
) -> Iterator[Explained]:
    """Classes and heatmaps of a batch of photographs."""
    pixels = torch.stack([photo.pixels for photo in photos]).to(device)
    unknown = torch.zeros(len(photos), dtype=torch.long, device=device)
    images = data.on_after_batch_transfer(Batch(pixels, unknown, unknown)).images
    with torch.no_grad(), evaluation_mode(network), exact_float32(device):
        probabilities = network(images).softmax(1)
    classes = probabilities.argmax(1) if target is None else torch.full_like(unknown, target)
    heatmaps = {name: method(images, classes).detach().float().cpu() for name, method in methods.items()}
    top = probabilities.topk(min(TOP, probabilities.shape[1]))
    for i, photo in enumerate(photos):
        yield Explained(
            photo.path,
            photo.pixels.float() / 255,
            int(classes[i]),
            float(probabilities[i, classes[i]]),
            list(zip(top.indices[i].tolist(), top.values[i].tolist(), strict=True)),
            {name: maps[i] for name, maps in heatmaps.items()},
        )


def _readable(paths: Sequence[Path], size: int, side: int, refused: dict[Path, str]) -> Iterator[list[Photo]]:
    """Batches of up to `size` photographs; what cannot be read goes to `refused`, with the reason."""
    cut, batch = single_cut(side), []
    for path in with_progress(paths, "explaining"):
        try:
            batch.append(Photo(path, cut(read_photo(path))))
        except UserError as error:
            log.warning("left out: %s", error)
            refused[path] = str(error)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _joined(configs: Sequence[DictConfig]) -> DictConfig:
    """The config of the run: with several methods, `method` is the list of theirs."""
    if len(configs) == 1:
        return configs[0]
    return OmegaConf.create({**plain(configs[0]), "method": [plain(each.method) for each in configs]})


def _finish(files: "PhotoFiles", refused: Mapping[Path, str], facts: dict[str, Any]) -> None:
    left_out = [{"file": str(path), "reason": reason} for path, reason in refused.items()]
    write_json({"photos": files.rows, "refused": left_out, **facts}, files.folder / SUMMARY)
    if files.rows:
        _print(files.rows)
        log.info("pictures and maps: %s", files.folder)
    if refused:
        first = next(iter(refused.values()))
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise UserError(f"{len(refused)} of {len(refused) + len(files.rows)} files were left out: {first}{more}")


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table("photograph", "explained class", f"top {TOP}")
    for row in rows:
        top = ", ".join(f"{each['class']} {each['probability']:.3f}" for each in row["top"])
        table.add_row(Path(row["file"]).name, row["target"], top)
    Console().print(table)
