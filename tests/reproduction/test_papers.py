"""What conf/paper asks for means something: every word of every cell, every score, every figure."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from torch import nn

from relprop.choices import CHOICES, LIMITS
from relprop.config import leaves
from relprop.experiment.building import build_metric
from relprop.models import MODELS
from relprop.reproduction.figures import FIGURES
from relprop.reproduction.paper import Paper, TableSpec, networks_of, read_paper
from relprop.reproduction.words import Words
from tests.configs import CONF, options

PAPERS = options("paper")
WORDS = Words(CONF, "csv", 0, {})
LONGEST_LABEL = 28  # of a row, so that tables fit a page
PLACE = re.compile(r"arXiv:\d{4}\.\d{5}|github\.com/\S+/\S+|doi\.org/\S+")
# Which of their options is chosen changes no key of a config.
ALIKE = ("skip", "composite")
# What test_networks_have_weights composes; methods and metrics have the same keys whatever it is.
ANYWAY = ("dataset", "model", "images", "sheet", "batch_size", "target", "protocol")
OTSUKI = ("flows_skip", "flows_skip_simple", "latest", "simple")


def paper(name: str) -> Paper:
    config = OmegaConf.load(CONF / "paper" / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    return read_paper(config)


def tables() -> Iterator[tuple[Paper, TableSpec]]:
    return ((found, table) for found in map(paper, PAPERS) for table in found.tables.values())


def sentences() -> Iterator[list[str]]:
    """Of every cell's words: each row in the first column, each column in the first row, in each network."""
    for found, table in tables():
        first_row, first_column = next(iter(table.rows.values())), next(iter(table.columns.values()))
        for network in networks_of(found, table):
            said = [*found.words, *found.networks[network].words, *table.words]
            yield from ([*said, *row, *first_column] for row in table.rows.values())
            yield from ([*said, *first_row, *column] for column in table.columns.values())


def shape(sentence: list[str]) -> tuple[str, ...]:
    """What decides which keys a sentence's config has: no numbers, and no words that any cell may say."""
    words = {key: value for key, _, value in (word.partition("=") for word in sentence)}
    mine = {key: value for key, value in words.items() if key.partition(".")[0] not in ANYWAY}
    return tuple(sorted(f"{key}={'*' if key in LIMITS or key in ALIKE else value}" for key, value in mine.items()))


def numeric(table: TableSpec) -> Iterator[dict[str, list[str]]]:
    """Rows and columns whose labels a figure draws as numbers."""
    if {"grid", "lines"} & {*table.figures}:
        yield table.rows
    if "grid" in table.figures and table.column_name:
        yield table.columns


def number(label: str) -> float:
    return float(label.removesuffix("%")) / (100 if label.endswith("%") else 1)


def check_values(config: DictConfig) -> None:
    for key, value in leaves(config).items():
        if key in CHOICES:
            assert value in CHOICES[key], key
        if key in LIMITS:
            check_limits(key, value)


def check_limits(key: str, value: Any) -> None:
    kind, low, high, nullable = LIMITS[key]
    if value is None or value == "auto":
        assert nullable or value == "auto", key
    else:
        assert isinstance(value, int if kind is int else int | float) and low <= value <= high, f"{key}={value}"


def metric_scores(config: DictConfig) -> tuple[str, ...]:
    offers = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "trace": dict}
    return build_metric(config, nn.Identity(), offers).scores


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_says_what_it_is(name: str) -> None:
    lines = (CONF / "paper" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    found = paper(name)
    assert lines[0].startswith("# ") and len(lines[0]) <= 120 and lines[1] == f"name: {name}"
    assert found.title and (found.tables or found.precision)
    for table in found.tables.values():
        assert table.caption.endswith(".") and max(map(len, table.rows)) <= LONGEST_LABEL
    assert all(note.endswith(".") for note in found.notes)


def test_every_word_chooses_what_there_is() -> None:
    words = sorted({word for sentence in sentences() for word in sentence})
    for override in OverridesParser.create().parse_overrides(words):
        key, value = override.key_or_group, override.value()
        if (CONF / key).is_dir():
            for option in value if isinstance(value, list) else [value]:
                assert option in options(key), override.input_line
        elif key in LIMITS:
            check_limits(key, value)


def test_every_cell_has_a_config_with_valid_values() -> None:
    for sentence in {shape(sentence): sentence for sentence in sentences()}.values():
        check_values(WORDS.compose("visualize", sentence))


def test_every_cell_of_a_table_says_something_else() -> None:
    for _, table in tables():
        for group in (table.rows, table.columns):
            said = [tuple(sorted(words)) for words in group.values()]
            assert len({*said}) == len(said), table.caption


def test_scores_are_those_of_the_metric() -> None:
    asked: dict[tuple[str, ...], set[str]] = {}
    for found, table in tables():
        words = [word for word in [*found.words, *table.words] if word.partition("=")[0] in ("metric", "protocol")]
        asked.setdefault(tuple(words), set()).update(table.scores)
    for sentence, scores in asked.items():
        assert scores <= {*metric_scores(WORDS.compose("visualize", sentence))}, sentence


def test_figures_can_be_drawn() -> None:
    for _, table in tables():
        assert {*table.figures} <= {*FIGURES}
        if "ranks" in table.figures:
            assert len(table.columns) == 2
        for labels in numeric(table):
            values = [number(label) for label in labels]
            assert values == sorted({*values}) or values == sorted({*values}, reverse=True), table.caption


def test_labels_that_are_numbers_are_those_of_the_words() -> None:
    """To the digits that the label has; 0 may stand for the smallest number that is allowed."""
    for _, table in tables():
        for labels in numeric(table):
            for label, words in labels.items():
                said = float(words[-1].partition("=")[2])
                assert said == pytest.approx(number(label), rel=0.03, abs=1e-11), table.caption


@pytest.mark.parametrize("name", PAPERS)
def test_networks_have_weights(name: str) -> None:
    found = paper(name)
    for network in found.networks.values():
        config = WORDS.compose("visualize", [*found.words, *network.words])
        assert network.train is None or network.ckpt is None
        assert network.train is not None or not network.seeds
        if network.train is not None:
            training = WORDS.compose("train", network.train)
            check_values(training)
            assert training.model == config.model and training.dataset.name == config.dataset.name
        elif network.ckpt is None:
            assert config.dataset.name == "imagenet"
        else:
            assert Path(network.ckpt).name == network.ckpt


def test_published_numbers_have_a_source() -> None:
    for _, table in tables():
        if table.published is not None:
            assert PLACE.search(table.published.source), table.caption
            values = [value for rows in table.published.values.values() for row in rows.values() for value in row]
            assert not values or "could not be read" not in table.published.source


@pytest.mark.parametrize("name", [name for name in PAPERS if paper(name).precision or paper(name).speed])
def test_precision_and_speed_mean_something(name: str) -> None:
    for study in paper(name).precision.values():
        assert {*study.precisions} <= {*CHOICES["trainer.precision"]} and len({*study.seeds}) == len(study.seeds) > 1
        check_values(WORDS.compose("train", study.train))
    for speed in paper(name).speed.values():
        assert speed.model in MODELS and speed.composite in options("composite")
        for strength in speed.filters:
            check_limits("method.relevance_filter", strength)


@pytest.mark.parametrize("name", ["cifar10_residual", "digits_residual"])
def test_residual_papers_have_every_method_split_and_quantization(name: str) -> None:
    found = paper(name)
    words = {word for table in found.tables.values() for row in table.rows.values() for word in row}
    methods = {word.removeprefix("method=") for word in words if word.startswith("method=")}
    assert methods == {*options("method")} - {"attention_branch", "file"}  # which need another network, or files
    splits = [tuple(row) for row in found.tables["skips"].rows.values()]
    assert all((f"skip={split}",) in splits for split in OTSUKI)
    assert all((f"skip={split}", "postprocess=[quantize]") in splits for split in OTSUKI)
    for table in ("methods", "skips"):
        assert [*found.tables[table].columns] == ["strict", "otsuki2024"]
