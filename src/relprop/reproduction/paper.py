"""What `conf/paper/NAME.yaml` asks for. Imports no torch, so that a mistake in it is said at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from relprop.errors import UserError
from relprop.registry import choose


@dataclass
class NetworkSpec:
    """A data set and a network, in the words of `visualize.py`, and where its weights are from.

    `ckpt`: a file in the folder of weights. `train`: words of `train.py`, by which it is trained once for each of
    `seeds`. Neither of them: torchvision's ImageNet weights.
    """

    words: list[str]
    ckpt: str | None = None
    train: list[str] | None = None
    seeds: list[int] = field(default_factory=list)


@dataclass
class Published:
    """Numbers of a publication: `values` by network, row and score, each a mean or a pair of mean and deviation.

    `source` is where they stand, `column` the column of the table that they are to be compared with.
    """

    source: str
    column: str
    values: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


@dataclass
class TableSpec:
    """A table: for every network its rows × columns are cells, and each cell has `scores`.

    Rows and columns are words by label; without columns there is one that has no label. `row_name` stands over the
    labels of the rows, `column_name` is what the columns are. `figures` are drawn from the cells: names of
    `relprop.reproduction.figures.FIGURES`. `networks` are those that it has; None: all.
    """

    caption: str
    rows: dict[str, list[str]]
    scores: list[str]
    columns: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    row_name: str = "method"
    column_name: str = ""
    figures: list[str] = field(default_factory=list)
    networks: list[str] | None = None
    published: Published | None = None


@dataclass
class SpeedSpec:
    """Frames per second of LRP with each of some filter strengths: one photograph at a time, random weights."""

    caption: str
    model: str
    composite: str
    filters: list[float]
    image_size: int = 224
    repeats: int = 20

    @property
    def rows(self) -> dict[str, float]:
        """The filter strengths by their labels in the table."""
        return {f"{100 * strength:g} %": strength for strength in self.filters}

    @property
    def table(self) -> TableSpec:
        """What becomes of it."""
        rows: dict[str, list[str]] = {label: [] for label in self.rows}
        scores = ["frames_per_second", "seconds"]
        return TableSpec(self.caption, rows, scores, {"": []}, row_name="relevance kept", networks=[self.model])


@dataclass
class PrecisionSpec:
    """The same network trained in every number format over some seeds, in words of `train.py`.

    Formats that the device does not have are left out. The heatmaps of `images` test images by the rules of `composite`
    are compared.
    """

    caption: str
    train: list[str]
    precisions: list[str]
    seeds: list[int]
    composite: str = "otsuki2024"
    images: int = 200


@dataclass
class Paper:
    """A reproduction: networks, tables of their cells, and other measurements. `words` are said to every cell."""

    name: str
    title: str
    words: list[str] = field(default_factory=list)
    networks: dict[str, NetworkSpec] = field(default_factory=dict)
    tables: dict[str, TableSpec] = field(default_factory=dict)
    speed: dict[str, SpeedSpec] = field(default_factory=dict)
    precision: dict[str, PrecisionSpec] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_paper(config: DictConfig) -> Paper:
    """The paper of a composed config. Raises `UserError` for keys, types and labels that mean nothing."""
    try:
        paper = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Paper), config))
    except OmegaConfBaseException as error:
        problem, *_ = str(error).splitlines()
        raise UserError(f"conf/paper/{config.get('name')}.yaml, {error.full_key}: {problem}") from error
    assert isinstance(paper, Paper)
    for table in paper.tables.values():
        table.columns = table.columns or {"": []}
    for name, table in paper.tables.items():
        _check_labels(paper, table, f"paper.tables.{name}")
    return paper


def tables_of(paper: Paper) -> dict[str, TableSpec]:
    """All tables that are made of cells."""
    return {**paper.tables, **{name: spec.table for name, spec in paper.speed.items()}}


def networks_of(paper: Paper, table: TableSpec) -> Sequence[str]:
    """The names of the networks that a table has."""
    return list(paper.networks) if table.networks is None else table.networks


def _check_labels(paper: Paper, table: TableSpec, place: str) -> None:
    for network in networks_of(paper, table):
        choose(f"{place}.networks", network, paper.networks)
    if table.published is None:
        return
    choose(f"{place}.published.column", table.published.column, table.columns)
    for network, rows in table.published.values.items():
        choose(f"{place}.published", network, paper.networks)
        for row, scores in rows.items():
            choose(f"{place}.published.{network}", row, table.rows)
            for score in scores:
                choose(f"{place}.published.{network}.{row}", score, dict.fromkeys(table.scores))
