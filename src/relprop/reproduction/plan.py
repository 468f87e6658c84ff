"""Which tasks a paper's tables are made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from relprop.data.files import with_progress
from relprop.errors import UserError
from relprop.experiment.building import on_cpu
from relprop.experiment.explaining import limit_of
from relprop.models.weights import imagenet_weights_file
from relprop.reproduction.paper import NetworkSpec, Paper, TableSpec, networks_of
from relprop.reproduction.reading import data_of
from relprop.reproduction.scoring import score_task
from relprop.reproduction.speed import speed_task
from relprop.reproduction.tasks import Task
from relprop.reproduction.training import TrainTask, train_task
from relprop.reproduction.words import Words
from relprop.tables import Absent
from relprop.training import resolve_precision

NOT_HERE = "not here"


@dataclass(frozen=True)
class Place:
    """Where in the tables a cell stands; `seed` is that of the training, if there are several."""

    table: str
    network: str
    row: str
    column: str
    seed: int | None = None

    @property
    def label(self) -> str:
        """What people call it: "CUB, ResNet-50, seed 40, Grad-CAM, strict"."""
        seed = "" if self.seed is None else f"seed {self.seed}"
        return ", ".join(part for part in (self.network, seed, self.row, self.column) if part)


@dataclass(frozen=True)
class Network:
    """One training of a network of the paper: its weights, a task that makes them, or why there are none."""

    name: str
    seed: int | None
    checkpoint: Path | None = None
    training: TrainTask | None = None
    absent: Absent | None = None

    @property
    def weights(self) -> Path | None:
        """The file, if it is there by now."""
        if self.training is None:
            return self.checkpoint
        return self.training.best if self.training.done else None


@dataclass
class Plan:
    """The cells of all tables by place; `absent` says why some cannot be had, by network."""

    cells: dict[Place, Task] = field(default_factory=dict)
    absent: dict[str, Absent] = field(default_factory=dict)

    @property
    def tasks(self) -> list[Task]:
        """Each once, in the order of the tables."""
        return list({task.key: task for task in self.cells.values()}.values())


def plan_networks(paper: Paper, words: Words, parent: Path, weights_dir: Path) -> list[Network]:
    """All networks of a paper, each with its weights, the task that trains it, or why it cannot be had.

    The data sets are read, or downloaded, and so are torchvision's weights.
    """
    return [
        _network(name, spec, seed, [*paper.words, *spec.words], words, parent, weights_dir)
        for name, spec in paper.networks.items()
        for seed in list[int | None](spec.seeds) or [None]
    ]


def plan_cells(paper: Paper, networks: Sequence[Network], words: Words, parent: Path) -> Plan:
    """The cells of all tables. Those of networks that are to be trained first have an untrained network's name."""
    plan = Plan()
    hashes: dict[str, str] = {}
    for network in networks:
        if network.absent is not None:
            plan.absent[network.name] = network.absent
    for name, speed in paper.speed.items():
        for row, strength in speed.rows.items():
            label = f"speed of {speed.model}, {row}"
            task = speed_task(parent, label, speed, strength, words.shared["trainer.accelerator"], words.seed)
            plan.cells[Place(name, speed.model, row, "")] = task
    for name, table in paper.tables.items():
        there = [network for network in networks if network.name in networks_of(paper, table)]
        for place, own in with_progress(list(_places(name, table, there)), f"planning {name}"):
            network = next(n for n in networks if (n.name, n.seed) == (place.network, place.seed))
            if network.absent is None:
                sentence = [*paper.words, *paper.networks[place.network].words, *table.words, *own]
                config = words.compose("visualize", sentence)
                plan.cells[place] = score_task(parent, place.label, config, network.weights, _data_hash(config, hashes))
    return plan


def plan_trainings(paper: Paper, words: Words, parent: Path) -> dict[str, list[TrainTask] | Absent]:
    """The trainings of the precision studies in the formats that this device has, by study, or why there are none."""
    studies: dict[str, list[TrainTask] | Absent] = {}
    for name, study in paper.precision.items():
        labels = {(p, s): f"training in {p}, seed {s}" for s in study.seeds for p in study.precisions}
        configs = {
            label: words.compose("train", [*study.train, f"trainer.precision={precision}", f"seed={seed}"])
            for (precision, seed), label in labels.items()
        }
        there = {label: config for label, config in configs.items() if _has_precision(config)}
        try:
            studies[name] = [train_task(parent, label, config, alone=True) for label, config in there.items()]
        except UserError as error:
            studies[name] = Absent(NOT_HERE, f"{name}: {error}")
    return studies


def _has_precision(config: DictConfig) -> bool:
    """Whether the device has the number format that the config asks for."""
    asked = str(config.trainer.precision)
    return resolve_precision(asked, on_cpu(config))[0] == asked


def _network(
    name: str, spec: NetworkSpec, seed: int | None, own: Sequence[str], words: Words, parent: Path, weights_dir: Path
) -> Network:
    try:
        config = words.compose("visualize", own)
        data_of(config).setup("test")
        if spec.train is not None:
            of_seed, label = ([], name) if seed is None else ([f"seed={seed}"], f"{name}, seed {seed}")
            training = train_task(parent, f"training {label}", words.compose("train", [*spec.train, *of_seed]))
            return Network(name, seed, training=training)
        if spec.ckpt is None:
            return Network(name, seed, imagenet_weights_file(config.model.name))
    except UserError as error:
        return Network(name, seed, absent=Absent(NOT_HERE, f"{name}: {error}"))
    file = weights_dir / spec.ckpt
    if not file.is_file():
        reason = f"{name}: there is no file {file}; put it there, or say weights_dir=FOLDER"
        return Network(name, seed, absent=Absent(NOT_HERE, reason))
    return Network(name, seed, file)


def _places(name: str, table: TableSpec, networks: Sequence[Network]) -> Iterator[tuple[Place, list[str]]]:
    """Places of a table's cells, and the words of row and column."""
    for network in networks:
        for row, of_row in table.rows.items():
            for column, of_column in table.columns.items():
                yield Place(name, network.name, row, column, network.seed), [*of_row, *of_column]


def _data_hash(config: DictConfig, hashes: dict[str, str]) -> str:
    """Of the test images that the config uses; `hashes` remembers what was read before."""
    key = OmegaConf.to_yaml(config.dataset, resolve=True) + f"{config.images} {config.seed}"
    if key not in hashes:
        hashes[key] = data_of(config, limit=limit_of(config)).test_fingerprint()
    return hashes[key]
