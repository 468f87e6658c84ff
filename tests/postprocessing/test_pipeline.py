"""Reduction and steps in order, by name, from Python and from the command line."""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from relprop.errors import UserError
from relprop.postprocessing import REDUCTIONS, STEPS, Pipeline, build_pipeline, reduce_channels
from tests.configs import CONF, options

ATTRIBUTION = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_without_steps_it_is_the_reduction(reduction: str) -> None:
    pipeline = build_pipeline(reduction, {})
    assert torch.equal(pipeline(ATTRIBUTION), reduce_channels(ATTRIBUTION, reduction))
    assert pipeline.describe() == {"reduction": reduction, "postprocess": []}


def test_steps_are_done_in_the_order_that_is_given() -> None:
    chosen = {"quantize": {"levels": 3}, "normalize": {"sign": "positive", "outlier_percentile": 50}}
    quantize, normalize = STEPS["quantize"](levels=3), STEPS["normalize"](sign="positive", outlier_percentile=50)
    heatmaps = ATTRIBUTION.sum(1)
    there, back = build_pipeline("sum", chosen), build_pipeline("sum", dict(reversed(chosen.items())))
    assert torch.equal(there(ATTRIBUTION), normalize(quantize(heatmaps)))
    assert torch.equal(back(ATTRIBUTION), quantize(normalize(heatmaps)))
    assert not torch.equal(there(ATTRIBUTION), back(ATTRIBUTION))


def test_description_names_all_options_and_is_plain() -> None:
    described = build_pipeline(
        "max", {"normalize": {"outlier_percentile": 2}, "quantize": {}, "component": {}}
    ).describe()
    names = ["normalize(sign=all, outlier_percentile=2)", "quantize(levels=8)", "component(size=28)"]
    assert described == {"reduction": "max", "postprocess": names}
    assert json.loads(json.dumps(described)) == described
    for value, name in {2.0: "2", 0.25: "0.25", 1 / 3: "0.333333333333"}.items():
        pipeline = build_pipeline("max", {"normalize": {"outlier_percentile": value}})
        assert pipeline.describe()["postprocess"] == [f"normalize(sign=all, outlier_percentile={name})"]


REFUSED = [
    ("nope", {}, "reduction=nope is unknown; choose one of: sum, abs_sum, positive_sum, max, luminance"),
    ("sum", {"blur": {}}, "postprocess=blur is unknown; choose one of: component, normalize, quantize"),
    ("sum", {"quantize": {"level": 4}}, "postprocess=quantize has no option 'level'; it takes: levels"),
    ("sum", {"quantize": {"levels": 1}}, "postprocess.quantize.levels=1 is not valid; it takes a whole number"),
]


@pytest.mark.parametrize(("reduction", "steps", "message"), REFUSED)
def test_refusals(reduction: str, steps: dict[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        build_pipeline(reduction, steps)


def test_images_with_nan_are_named() -> None:
    attribution = ATTRIBUTION.clone()
    attribution[1, 2, 3, 4] = torch.nan
    with pytest.raises(UserError, match=r"^heatmaps \[1\] contain NaN or infinite values$"):
        build_pipeline("sum", {"quantize": {}})(attribution)


def test_every_step_has_its_yaml_with_the_defaults_of_its_class() -> None:
    assert options("postprocess") == sorted(STEPS)
    for name, step in STEPS.items():
        defaults = OmegaConf.load(CONF / "postprocess" / f"{name}.yaml")
        assert step.name == name
        assert step(**defaults) == step()
        assert set(defaults) == set(inspect.signature(step).parameters)


WORDS = [
    ("", {}),
    ("postprocess=quantize", {"quantize": {"levels": 8}}),
    (
        "postprocess=[normalize,quantize] postprocess.quantize.levels=4",
        {"normalize": {"sign": "all", "outlier_percentile": 2.0}, "quantize": {"levels": 4}},
    ),
    ("postprocess=[quantize,component]", {"quantize": {"levels": 8}, "component": {"size": 28}}),
    ("postprocess=[component,quantize]", {"component": {"size": 28}, "quantize": {"levels": 8}}),
]


@pytest.mark.parametrize(("words", "steps"), WORDS)
def test_command_line_chooses_steps_and_their_order(words: str, steps: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(CONF / "postprocess", tmp_path / "postprocess")
    (tmp_path / "main.yaml").write_text("defaults:\n  - postprocess: []\n  - _self_\npostprocess: {}\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        chosen = OmegaConf.to_container(compose("main", words.split()).postprocess)
    assert list(chosen.items()) == list(steps.items())
    assert build_pipeline("sum", chosen) == Pipeline(
        "sum", tuple(STEPS[name](**values) for name, values in steps.items())
    )
