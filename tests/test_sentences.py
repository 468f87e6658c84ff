"""Words of commands: what is meant literally reaches the config as it is."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from relprop.sentences import chosen, hydra_word, words_by_method
from tests.configs import CONF

SPECIAL = st.text(st.sampled_from("\\'\"${}[](),=:;&|*~#!?<> \t\né中ab01.-/"))


def read(word: str) -> object:
    """What the config has of a word."""
    override = OverridesParser.create().parse_override(word)
    assert (override.key_or_group, override.is_sweep_override()) == ("image", False)
    return OmegaConf.create({"image": override.value()}).image


@settings(max_examples=300, deadline=None)
@example("${oc.env:HOME}")
@example(r"\\${a}\\'\'\\")
@example("null")
@example("1e3")
@example("[a,b]")
@example("glob(*)")
@example("")
@given(SPECIAL | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_reaches_the_config_through_shell_and_hydra_as_it_is(text: str) -> None:
    assert shlex.split(shlex.join(["python", hydra_word("image", text)])) == ["python", hydra_word("image", text)]
    got = read(hydra_word("image", text))
    assert (type(got), got) == (str, text)


@pytest.mark.parametrize("text", ["outputs/train/2026-11-21_05-25-00/checkpoints/best.ckpt", "/a b/c", "tabby", "../x"])
def test_what_needs_no_quotes_has_none(text: str) -> None:
    assert hydra_word("image", text) == f"image={text}"


def test_what_is_chosen_from_a_group_is_read_as_hydra_reads_it() -> None:
    words = ["method=[lrp,gradcam++]", "method.max_batch=4", "composite=epsilon", "+skip=auto"]
    assert chosen(words, "method") == ["lrp", "gradcam++"]
    assert (chosen(words, "composite"), chosen(words, "skip"), chosen(words, "dataset")) == (["epsilon"], ["auto"], [])
    assert chosen(["method=rise", "method=lime"], "method") == ["rise", "lime"]


def test_every_method_is_told_what_concerns_it() -> None:
    words = ["ckpt=a.ckpt", "method=[lrp,gradcam,sobel]", "composite=epsilon", "method.relevance_filter=0.5"]
    words += ["method.max_batch=4", "dataset.per_class=2"]
    shared = ["ckpt=a.ckpt", "composite=epsilon"]
    assert words_by_method(words, CONF) == {
        "lrp": [*shared, "method.relevance_filter=0.5", "method.max_batch=4", "dataset.per_class=2", "method=lrp"],
        "gradcam": [*shared, "method.max_batch=4", "dataset.per_class=2", "method=gradcam"],
        "sobel": [*shared, "dataset.per_class=2", "method=sobel"],
    }
    assert words_by_method(["seed=1", "method=random"], CONF) == {"random": ["seed=1", "method=random"]}
    assert words_by_method(["seed=1"], CONF) == {}
