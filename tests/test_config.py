"""The config tree and the code know the same names; bad values are refused in one line."""

import inspect
from dataclasses import asdict
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from relprop.benchmark import MEMORY_FORMATS
from relprop.choices import CHOICES
from relprop.classifier import DTYPES as CLASSIFIER_DTYPES
from relprop.data import list_datasets
from relprop.explainers import EXPLAINERS
from relprop.explainers.baselines import BASELINES
from relprop.loggers import LOGGERS
from relprop.lrp import BIASES, COMPOSITES, DTYPES, GATES, SPLITS, STARTS
from relprop.lrp import MEMORY_FORMATS as ENGINE_FORMATS
from relprop.lrp.engine import FOLDS
from relprop.metrics import METRICS, PROTOCOLS
from relprop.metrics.perturbation.areas import AREAS
from relprop.metrics.perturbation.outputs import OUTPUTS
from relprop.metrics.perturbation.ranking import PATCH_RELEVANCE, SCHEDULES, TIES
from relprop.models import list_models
from relprop.postprocessing import REDUCTIONS, SIGNS, STEPS
from relprop.training import OPTIMIZERS, SCHEDULERS
from tests.configs import CONF, composed, options

REGISTRIES = {
    "dataset": list_datasets(),
    "model": list_models(),
    "optimizer": OPTIMIZERS,
    "scheduler": SCHEDULERS,
    "method": EXPLAINERS,
    "composite": COMPOSITES,
    "skip": SPLITS,
    "metric": METRICS,
    "protocol": PROTOCOLS,
    "logger": LOGGERS,
}


# What a group offers beside the registry: `skip=auto` is no split, it asks the composite.
BESIDES = {"skip": {"auto"}}


@pytest.mark.parametrize("group", REGISTRIES)
def test_every_name_has_its_yaml(group: str) -> None:
    assert options(group) == sorted({*REGISTRIES[group], *BESIDES.get(group, ())})
    for option in REGISTRIES[group]:
        assert OmegaConf.load(CONF / group / f"{option}.yaml").name == option


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_yaml_fixes_every_choice(name: str) -> None:
    assert OmegaConf.to_container(OmegaConf.load(CONF / "protocol" / f"{name}.yaml")) == PROTOCOLS[name].choices


def test_every_step_of_postprocessing_has_its_yaml() -> None:
    assert options("postprocess") == sorted(STEPS)
    for name, step in STEPS.items():
        assert OmegaConf.load(CONF / "postprocess" / f"{name}.yaml") == asdict(step())


def test_choices_are_those_of_the_code() -> None:
    assert set(CHOICES["method.start"]) == set(STARTS)
    assert set(CHOICES["method.bn"]) == set(FOLDS)
    assert set(CHOICES["method.bias"]) == {*BIASES, None}
    assert set(CHOICES["method.dtype"]) == set(DTYPES)
    assert set(CHOICES["method.gate"]) == {*GATES, None}
    assert set(CHOICES["method.baseline"]) == set(BASELINES)
    assert set(CHOICES["method.memory_format"]) == set(ENGINE_FORMATS)
    assert set(CHOICES["reduction"]) == set(REDUCTIONS)
    assert set(CHOICES["postprocess.normalize.sign"]) == set(SIGNS)
    assert set(CHOICES["metric.dtype"]) == set(CLASSIFIER_DTYPES)
    assert set(CHOICES["protocol.patch_relevance"]) == set(PATCH_RELEVANCE)
    assert set(CHOICES["protocol.ties"]) == set(TIES)
    assert set(CHOICES["protocol.schedule"]) == set(SCHEDULES)
    assert set(CHOICES["protocol.score"]) == set(OUTPUTS)
    assert set(CHOICES["protocol.area"]) == set(AREAS)
    assert set(CHOICES["memory_format"]) == set(MEMORY_FORMATS)


@pytest.mark.parametrize("method", EXPLAINERS)
def test_methods_offer_all_their_options(method: str) -> None:
    """But for the images' statistics, which the data set has."""
    taken = set(inspect.signature(EXPLAINERS[method]).parameters) - {"model", "mean", "std"}
    assert set(OmegaConf.load(CONF / "method" / f"{method}.yaml")) - {"name"} == taken


def test_steps_of_post_processing_offer_all_their_options(tmp_path: Path) -> None:
    """With the defaults of the code, in the order that is given."""
    assert options("postprocess") == sorted(STEPS)
    for names in (sorted(STEPS), sorted(STEPS, reverse=True)):
        steps = composed("visualize", tmp_path, f"postprocess=[{','.join(names)}]").postprocess
        assert list(steps.items()) == [(name, asdict(STEPS[name]())) for name in names]


@pytest.mark.parametrize("name", COMPOSITES)
def test_composite_brings_its_start_and_its_skip(name: str, tmp_path: Path) -> None:
    method = composed("visualize", tmp_path, f"composite={name}").method
    assert (method.composite, method.start, method.skip) == (name, COMPOSITES[name].start, COMPOSITES[name].skip)


SENTENCES = {
    "": ("otsuki2024", "flows_skip", "probability"),
    "method=lrp skip=flows_skip": ("otsuki2024", "flows_skip", "probability"),
    "method=lrp composite=guided_backprop": ("guided_backprop", "copy", "one"),
    "method=lrp composite=guided_backprop skip=flows_skip": ("guided_backprop", "flows_skip", "one"),
    "skip=gamma composite=epsilon method.start=one": ("epsilon", "gamma", "one"),
}


@pytest.mark.parametrize("words", SENTENCES)
def test_what_is_said_is_taken_and_what_is_not_is_the_composites(words: str, tmp_path: Path) -> None:
    method = composed("visualize", tmp_path, *words.split()).method
    assert (method.composite, method.skip, method.start) == SENTENCES[words]


def test_sentence_of_the_design_composes(tmp_path: Path) -> None:
    words = "method=lrp skip=latest dataset=imagenet model=resnet50 metric=insertion_deletion protocol=otsuki2024"
    config = composed("visualize", tmp_path, *words.split())
    assert (config.method.skip, config.metric.protocol.name, config.dataset.name) == (
        "latest",
        "otsuki2024",
        "imagenet",
    )
