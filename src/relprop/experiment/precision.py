"""What the number format of training does: accuracy, time, memory, and the heatmaps of the trained networks."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean, stdev
from typing import Any, TypeAlias

import torch
from torch import Tensor

from relprop.checkpoints import load_network
from relprop.choices import CHOICES
from relprop.comparison.trainings import Training
from relprop.data import ImageDataModule
from relprop.data.files import with_progress
from relprop.experiment.building import build_data, options_of
from relprop.explainers import get_explainer
from relprop.metrics.similarity import rank_correlation
from relprop.provenance import provenance
from relprop.tables import Column, Spread, Table
from relprop.training import resolve_precision

REFERENCE = "32-true"
FORMATS = [name for name in CHOICES["trainer.precision"] if name is not None]
COLUMNS = (
    Column("precision"),
    Column("seeds"),
    Column("test accuracy [%]", ".2f"),
    Column("epoch [s]", ".3g"),
    Column("peak memory [MB]", ".0f"),
    Column("ρ between seeds", ".3f"),
    Column(f"ρ to {REFERENCE}", ".3f"),
)
Maps: TypeAlias = Mapping[tuple[str, int], Tensor]


def study_precisions(
    trainings: Sequence[Training], composite: str, images: int | None, batch_size: int
) -> tuple[Table, dict[str, Any]]:
    """A table of trainings by number format, and every single value.

    The LRP heatmaps, by the rules of `composite`, are those of so many test images (None: all). A training in another
    format than the one asked for, which its device does not have, is named and left out.
    """
    origin = provenance()
    done = [training for training in trainings if training.summary["precision"] == training.precision]
    maps = explained(done, composite, images, batch_size) if done else {}
    between, to_reference = between_seeds(maps), to_same_seed(maps)
    rows = [_row(name, [t for t in done if t.precision == name], between, to_reference) for name in _named(trainings)]
    shown = len(next(iter(maps.values()), ()))
    table = Table(COLUMNS, rows, _caption(trainings[0]), _note(trainings, shown, composite, origin))
    facts = {
        "trainings": [{"folder": str(t.folder), "asked_for": t.precision, **t.summary} for t in trainings],
        "rank_correlation": {"between_seeds": between, f"to_{REFERENCE}": to_reference},
        "composite": composite,
        "images": shown,
        **origin,
    }
    return table, facts


def explained(
    trainings: Sequence[Training], composite: str, images: int | None, batch_size: int
) -> dict[tuple[str, int], Tensor]:
    """The LRP heatmaps of each training's network, float64 (N, H, W), by precision and seed.

    Of the same test images for the class that they have, in full float32 whatever the network was trained in; the sum
    of the channels. They start from one, so that a probability near zero costs no digits; most composites' maps are
    proportional to the start, which ranks do not see.
    """
    data = build_data(trainings[0].config, limit=images, per_class=None, batch_size=batch_size)
    data.setup("test")
    return {
        (training.precision, training.seed): _heatmaps(training, data, composite)
        for training in with_progress(trainings, "explaining")
    }


def between_seeds(maps: Maps) -> dict[str, list[float]]:
    """For each precision, Spearman's ρ of the maps from each pair of seeds, the mean over the images."""
    return {
        name: [_agreement(maps[name, one], maps[name, other]) for one, other in combinations(_seeds(maps, name), 2)]
        for name in FORMATS
    }


def to_same_seed(maps: Maps) -> dict[str, list[float]]:
    """For each precision but `REFERENCE`, ρ to the maps of that with the same seed, the mean over the images."""
    return {
        name: [
            _agreement(maps[name, seed], maps[REFERENCE, seed])
            for seed in _seeds(maps, name)
            if (REFERENCE, seed) in maps
        ]
        for name in FORMATS
        if name != REFERENCE
    }


def spread(values: Sequence[float | None]) -> Spread | None:
    """Mean and sample standard deviation of the values that there are."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return Spread(mean(there), stdev(there) if len(there) > 1 else None)


def _heatmaps(training: Training, data: ImageDataModule, composite: str) -> Tensor:
    network, _ = load_network(training.checkpoint, training.config.model.name, data, options_of(training.config.model))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    explain = get_explainer("lrp", network.to(device), composite=composite, start="one")
    maps = []
    for batch in data.test_dataloader():
        batch = data.on_after_batch_transfer(batch._replace(images=batch.images.to(device)))
        maps.append(explain(batch.images, batch.labels.to(device)).sum(1).double().cpu())
    return torch.cat(maps)


def _agreement(maps: Tensor, others: Tensor) -> float:
    return float(rank_correlation(maps, others).mean())


def _seeds(maps: Maps, name: str) -> list[int]:
    return sorted(seed for precision, seed in maps if precision == name)


def _named(trainings: Sequence[Training]) -> list[str]:
    """The precisions that were asked for or that the device does not have, in their order."""
    asked = {training.precision for training in trainings}
    return [name for name in FORMATS if name in asked or _refusal(name, trainings)]


def _refusal(name: str, trainings: Sequence[Training]) -> str | None:
    """Why the device of the trainings does not have this precision."""
    on_cpu = str(trainings[0].summary["device"]).startswith("cpu")
    precision, message = resolve_precision(name, on_cpu)
    return None if precision == name else message


def _row(
    name: str,
    trainings: Sequence[Training],
    between: Mapping[str, Sequence[float]],
    to_reference: Mapping[str, Sequence[float]],
) -> list[Any]:
    summaries = [training.summary for training in trainings]
    return [
        name,
        len(trainings),
        spread([100 * summary["test_accuracy"] for summary in summaries]),
        spread([summary.get("seconds_per_epoch") for summary in summaries]),
        spread([summary.get("peak_memory_megabytes") for summary in summaries]),
        spread(between[name]),
        spread(to_reference.get(name, [])),
    ]


def _caption(training: Training) -> str:
    summary = training.summary
    return f"{summary['model']} on {summary['dataset']}, trained in several number formats"


def _note(trainings: Sequence[Training], shown: int, composite: str, origin: Mapping[str, Any]) -> str:
    """What the numbers are, and where they come from."""
    first = trainings[0].summary
    seeds = ", ".join(map(str, sorted({training.seed for training in trainings})))
    epochs = "/".join(map(str, sorted({training.summary["epochs"] for training in trainings})))
    memory = first.get("peak_memory_of")
    versions = ", ".join(f"{name} {version}" for name, version in first.get("versions", {}).items())
    refusals = [message for name in FORMATS if (message := _refusal(name, trainings))]
    sentences = [
        f"{first['n']} test images; epochs: {epochs}; seeds: {seeds}.",
        "±: sample standard deviation over seeds, of ρ between seeds over their pairs.",
        f"ρ: Spearman's rank correlation of the pixels of two networks' LRP heatmaps (composite {composite}, float32, "
        f"true class, channels summed), mean over {shown} test images; to {REFERENCE}: same seed.",
        f"Epoch: median time of training, without validation{f'; memory: of {memory}' if memory else ''}.",
        *(f"Not available: {message}." for message in refusals),
        f"Trained on {_all(trainings, 'device')}, commit {_all(trainings, 'git_commit')}, {versions}; "
        f"compared at commit {origin['git_commit']}.",
    ]
    return " ".join(sentences)


def _all(trainings: Sequence[Training], key: str) -> str:
    return ", ".join(sorted({str(training.summary.get(key)) for training in trainings}))
