"""What a browser says that it has chosen: taken if it is on the page, refused otherwise, whatever it is."""

import math
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relprop.demo.choice import METHODS, MOST_METHODS, PREDICTED, SKIPS, Choice, read_choice
from relprop.errors import UserError
from relprop.explainers import list_explainers
from relprop.lrp import list_composites
from tests.configs import options
from tests.demo.rooms import JSON

CLASSES = ("cat", "dog", "bird")
GOOD: dict[str, Any] = {
    "methods": ["lrp"],
    "composite": "epsilon",
    "skip": "auto",
    "relevance_filter": 0.5,
    "target": PREDICTED,
}


def read(**changes: Any) -> Choice:
    return read_choice(**{**GOOD, **changes}, class_names=CLASSES)


def test_what_is_on_the_page_is_taken() -> None:
    assert read() == Choice(("lrp",), "epsilon", "auto", 0.5, None)
    for name in METHODS:
        assert read(methods=[name]).methods == (name,)
    for name in list_composites():
        assert read(composite=name).composite == name
    for name in SKIPS:
        assert read(skip=name).skip == name
    for index in range(3):
        assert read(target=index).target == index
    for share in (1, 1.0, 1e-300, 0.01):
        assert read(relevance_filter=share).relevance_filter == share
    assert read(methods=["rise", "lrp", "rise"]).methods == ("rise", "lrp")


def test_the_page_offers_what_the_configs_have() -> None:
    assert {*METHODS} == {*options("method")} - {"file"} == {*list_explainers()} - {"file"}
    assert {*SKIPS} == {*options("skip")}
    assert {*list_composites()} == {*options("composite")}


@pytest.mark.parametrize(
    "methods", [[], ["lrp"] * (MOST_METHODS + 1), "lrp", {"lrp": 1}, None, [["lrp"]], [1], ["file"]]
)
def test_other_methods_are_refused(methods: object) -> None:
    with pytest.raises(UserError):
        read(methods=methods)


@pytest.mark.parametrize(
    "share", [0, -0.5, 1.0001, math.nan, math.inf, -math.inf, True, False, "1", None, [1], 10**400]
)
def test_other_shares_are_refused(share: object) -> None:
    with pytest.raises(UserError, match="a share above 0 and at most 1"):
        read(relevance_filter=share)


@pytest.mark.parametrize("target", [-1, 3, 10**400, 1.0, True, False, "1", "cat", None, [1], math.nan])
def test_other_classes_are_refused(target: object) -> None:
    with pytest.raises(UserError, match="a class is predicted, or an index from 0 to 2"):
        read(target=target)


@settings(max_examples=60)
@example({"composite": "../../etc/passwd"})
@example({"skip": ["auto"]})
@example({"skip": None})
@given(st.dictionaries(st.sampled_from([*GOOD]), JSON, max_size=3))
def test_whatever_json_comes_it_is_a_choice_of_the_page_or_refused(changes: dict[str, Any]) -> None:
    try:
        choice = read(**changes)
    except UserError:
        return
    assert {*choice.methods} <= {*METHODS} and 1 <= len(choice.methods) <= MOST_METHODS
    assert choice.composite in list_composites() and choice.skip in SKIPS
    assert type(choice.relevance_filter) is float and 0 < choice.relevance_filter <= 1
    assert choice.target is None or (type(choice.target) is int and choice.target in range(3))


def test_the_words_say_the_same_to_hydra() -> None:
    words = Choice(("lrp", "gradcam++"), "epsilon_plus", "simple", 0.25, 3).words
    overrides = OverridesParser.create().parse_overrides([*words])
    assert {each.key_or_group: each.value() for each in overrides} == {
        "method": ["lrp", "gradcam++"],
        "composite": "epsilon_plus",
        "skip": "simple",
        "method.relevance_filter": 0.25,
    }
    assert Choice().words == ("method=lrp", "composite=otsuki2024", "skip=auto")
    assert Choice(("rise",), "epsilon", "simple", 0.5).words == ("method=rise",)
    assert Choice(("rise", "lime"), "epsilon").words == ("method=[rise,lime]",)
