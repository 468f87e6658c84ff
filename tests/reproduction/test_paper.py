"""What a paper's yaml may say, and how a mistake in it is named."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from relprop.errors import UserError
from relprop.reproduction.paper import networks_of, read_paper, tables_of
from tests.reproduction.papers import PAPER, TABLE

SPEED = {"caption": "Speed.", "model": "vgg16", "composite": "fischer2021", "filters": [1, 0.05]}


def read(**changes: Any) -> Any:
    return read_paper(OmegaConf.create({**PAPER, **changes}))


def test_tables_are_those_of_scores_and_of_speed() -> None:
    paper = read(speed={"fps": SPEED})
    tables = tables_of(paper)
    assert list(tables) == ["floors", "fps"]
    assert list(tables["fps"].rows) == ["100 %", "5 %"]
    assert networks_of(paper, tables["fps"]) == ["vgg16"]
    assert networks_of(paper, tables["floors"]) == ["ResNet-20"]


def test_a_table_without_columns_has_one_without_a_label() -> None:
    table = {key: value for key, value in TABLE.items() if key != "columns"}
    assert read(tables={"floors": table}).tables["floors"].columns == {"": []}


def published(**changes: Any) -> dict[str, Any]:
    """The paper's table with published numbers."""
    return {"tables": {"floors": {**TABLE, "published": {"source": "a test", "column": "strict", **changes}}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tabels": {}}, "conf/paper/floors.yaml, tabels: Key 'tabels' not in 'Paper'"),
        ({"words": "dataset=digits"}, "conf/paper/floors.yaml, words"),
        ({"tables": {"floors": {"rows": {}}}}, "conf/paper/floors.yaml, tables.floors"),
        ({"tables": {"floors": {**TABLE, "networks": ["VGG"]}}}, "tables.floors.networks=VGG is unknown; .*ResNet-20"),
        (published(column="stict"), "published.column=stict is unknown; choose one of: strict, otsuki2024"),
        (published(values={"VGG": {}}), "published=VGG is unknown; choose one of: ResNet-20"),
        (published(values={"ResNet-20": {"nose": {}}}), "ResNet-20=nose is unknown; choose one of: noise, edges"),
        (published(values={"ResNet-20": {"noise": {"idd": 1}}}), "noise=idd is unknown; .*insertion, deletion, id"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(**changes)
