"""Explain photographs: what a trained network sees in them, by one method or several."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torchvision.transforms.v2.functional import pil_to_tensor

from relprop.callbacks.loggers import log_figure
from relprop.data import Batch, ImageDataModule
from relprop.data.classes import class_index
from relprop.data.files import with_progress
from relprop.data.opening import find_images, read_photo
from relprop.errors import UserError
from relprop.experiment.building import build_data, build_logger_for, on_cpu, options_of, plain, start
from relprop.experiment.fitting import fitted_patterns, images_for_patterns
from relprop.experiment.method import Method, build_method, describe_method
from relprop.experiment.network import network_for
from relprop.experiment.photo_files import Explained, PhotoFiles
from relprop.inference import evaluation_mode, exact_float32
from relprop.loggers import close, log_config
from relprop.provenance import provenance
from relprop.results import device_name
from relprop.resuming import SUMMARY, hold, write_json

log = logging.getLogger(__name__)

TOP = 5


@dataclass(frozen=True)
class Photo:
    """A file, its position among all, and what the network sees of it, uint8 (3, S, S)."""

    path: Path
    position: int
    pixels: Tensor


@dataclass(frozen=True)
class Looker:
    """A network with the methods that explain it, on `device`; `target` is None for the predicted class.

    `cut`: "middle", the network sees of a photograph what it saw of the test images; "none", all of it.
    """

    network: nn.Module
    methods: Mapping[str, Method]
    data: ImageDataModule
    target: int | None
    device: torch.device
    cut: str

    def open(self, path: Path, position: int) -> Photo:
        """Raises `UserError` for what cannot be read, and for another size than a `cut` of "none" takes."""
        picture = read_photo(path)
        if self.cut == "middle":
            return Photo(path, position, self.data.cut(picture))
        side = self.data.image_size
        if picture.size != (side, side):
            raise UserError(
                f"{path} has {picture.width} × {picture.height} pixels; with cut=none it must have {side} × {side}, as "
                "the network sees it: leave cut=none out to have it cut"
            )
        return Photo(path, position, pil_to_tensor(picture))

    def __call__(self, photos: Sequence[Photo]) -> Iterator[Explained]:
        """Classes and heatmaps of a batch of photographs."""
        pixels = torch.stack([photo.pixels for photo in photos]).to(self.device)
        positions = torch.tensor([photo.position for photo in photos], device=self.device)
        images = self.data.on_after_batch_transfer(Batch(pixels, positions, positions)).images
        with torch.no_grad(), evaluation_mode(self.network), exact_float32(self.device):
            probabilities = self.network(images).softmax(1)
        classes = probabilities.argmax(1) if self.target is None else torch.full_like(positions, self.target)
        maps = {
            name: method(images, classes, positions).detach().float().cpu() for name, method in self.methods.items()
        }
        top = probabilities.topk(min(TOP, probabilities.shape[1]))
        for i, photo in enumerate(photos):
            yield Explained(
                photo.path,
                photo.pixels.float() / 255,
                int(classes[i]),
                float(probabilities[i, classes[i]]),
                list(zip(top.indices[i].tolist(), top.values[i].tolist(), strict=True)),
                {name: each[i] for name, each in maps.items()},
            )


def explain_photos(configs: Sequence[DictConfig], checkpoint: Path | None) -> None:
    """Explain the photographs `config.image` by the method of each of the configs, which are equal but for that.

    `checkpoint` is what `choose_checkpoint` gives. Writes pictures, maps and the top-5 into `config.run_dir`; what they
    are is said in `photo_files`. Maps from a file are looked up by the photographs' positions. A file that cannot be
    read is named and left out; raises `UserError` at the end if there were any, at once if there is nothing else.
    """
    config, origin, began, folder = configs[0], provenance(), time.perf_counter(), Path(configs[0].run_dir)
    paths = find_images(str(config.image))
    data = build_data(config)
    target = None if config.target == "predicted" else class_index(config.target, data.class_names)
    to_fit_on = [images_for_patterns(each) for each in configs]
    with hold(folder):
        network, checkpoint = network_for(config, checkpoint, data)
        start(_joined(configs), folder)
        device = torch.device("cpu" if on_cpu(config) else "cuda")
        network = network.to(device)
        built = [_method(each, network, data, images, folder) for each, images in zip(configs, to_fit_on, strict=True)]
        methods = {each.method.name: method for each, method in zip(configs, built, strict=True)}
        said = {each.method.name: describe_method(each, methods[each.method.name].pipeline) for each in configs}
        files = PhotoFiles(folder, said, f"{config.model.name} on {data.name}", data.class_names)
        logger = build_logger_for(config, folder)
        assert logger is not None  # photographs are explained by one process
        log_config(logger, _joined(configs), origin)
        look = Looker(network, methods, data, target, device, config.cut)
        refused = _work_through(paths, config.batch_size, look, files, logger)
        close([logger])
        about = {
            "model": config.model.name,
            "dataset": data.name,
            "weights": checkpoint.name if checkpoint else "torchvision",
            "methods": {name: {"options": said[name], **method.describe()} for name, method in methods.items()},
            "wall_time_seconds": time.perf_counter() - began,
            "seed": config.seed,
            "device": device_name(device),
            **origin,
        }
        _finish(files, refused, about)


def _method(
    config: DictConfig, network: nn.Module, data: ImageDataModule, to_fit_on: ImageDataModule | None, folder: Path
) -> Method:
    """The config's method, its patterns fitted if it needs some."""
    options = options_of(config.method)
    if to_fit_on is not None:
        options["patterns"] = fitted_patterns(config, network, to_fit_on, folder / "patterns.safetensors", False)
    return build_method(config, network, data, options)


def _work_through(paths: Sequence[Path], size: int, look: Looker, files: PhotoFiles, logger: Logger) -> dict[Path, str]:
    """Write and log what is found, batch by batch; give what cannot be read, with the reasons."""
    refused = dict[Path, str]()
    numbered = list(enumerate(paths))
    for batch in with_progress([numbered[i : i + size] for i in range(0, len(paths), size)], "explaining"):
        photos = []
        for position, path in batch:
            try:
                photos.append(look.open(path, position))
            except UserError as error:
                log.warning("left out: %s", error)
                refused[path] = str(error)
        for explained in look(photos) if photos else ():
            for name, figure in files.write(explained).items():
                log_figure(logger, name, figure)
    return refused


def _joined(configs: Sequence[DictConfig]) -> DictConfig:
    """The config of the run: with several methods, `method` is the list of theirs."""
    if len(configs) == 1:
        return configs[0]
    return OmegaConf.create({**plain(configs[0]), "method": [plain(each.method) for each in configs]})


def _finish(files: PhotoFiles, refused: Mapping[Path, str], facts: dict[str, Any]) -> None:
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
