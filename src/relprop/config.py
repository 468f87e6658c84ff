"""What values a config takes, and one-line explanations of those that it does not. Knows OmegaConf, not torch."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from relprop.errors import UserError

# Values that are names, by key, None where null means something. A test holds them against what the code accepts.
CHOICES: Mapping[str, Sequence[str | None]] = {
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "trainer.precision": ("32-true", "16-mixed", "bf16-mixed"),
    "method.start": ("probability", "softmax", "logit", "one"),
    "method.bn": ("pass", "fold"),
    "method.bias": ("absorb", "ignore", "distribute", None),
    "method.dtype": ("float32", "float64", "bfloat16", "float16"),
    "method.memory_format": ("channels_last", "contiguous"),
    "method.baseline": ("mean", "black"),
    "memory_format": ("contiguous", "channels_last"),
    "target": ("predicted", "label"),
    "reduction": ("sum", "abs_sum", "positive_sum", "max", "luminance"),
    "postprocess.normalize.sign": ("all", "positive", "negative", "absolute"),
    "protocol.patch_relevance": ("max", "sum"),
    "protocol.ties": ("position", "together"),
    "protocol.schedule": ("step", "number", "growing"),
    "protocol.score": ("probability", "logit", "log_odds"),
    "protocol.area": ("fractions", "points", "aopc"),
    "metric.dtype": ("float32", "bfloat16", "float16"),
}

# Numbers, by key: type, smallest and largest value, and whether null means something.
LIMITS: Mapping[str, tuple[type, float, float, bool]] = {
    "seed": (int, 0, 2**32 - 1, False),
    "images": (int, 1, inf, True),
    "sheet": (int, 1, inf, False),
    "batch_size": (int, 1, inf, False),
    "repeats": (int, 1, inf, False),
    "batch": (int, 1, inf, True),
    "threads": (int, 1, inf, True),
    "dataset.batch_size": (int, 1, inf, False),
    "dataset.num_workers": (int, 0, inf, False),
    "dataset.epochs": (int, 1, inf, False),
    "trainer.max_epochs": (int, 1, inf, False),
    "trainer.devices": (int, 1, inf, False),
    "optimizer.lr": (float, 1e-12, inf, False),
    "optimizer.weight_decay": (float, 0, inf, False),
    "optimizer.momentum": (float, 0, 1, False),
    "scheduler.warmup": (float, 0, 1, False),
    "method.relevance_filter": (float, 1e-12, 1, False),
    "method.max_batch": (int, 1, inf, False),
    "method.steps": (int, 1, inf, False),
    "method.samples": (int, 1, inf, False),
    "method.noise": (float, 0, inf, False),
    "method.window": (int, 1, inf, True),
    "method.stride": (int, 1, inf, True),
    "method.segments": (int, 2, inf, False),
    "method.masks": (int, 1, inf, False),
    "method.cells": (int, 1, inf, False),
    "method.probability": (float, 1e-6, 1 - 1e-6, False),
    "method.sigma": (float, 1e-6, inf, False),
    "method.seed": (int, 0, 2**32 - 1, False),
    "postprocess.normalize.outlier_percentile": (float, 0, 99.999, False),
    "postprocess.quantize.levels": (int, 2, inf, False),
    "postprocess.component.size": (int, 2, inf, False),
    "protocol.step": (int, 1, inf, True),
    "protocol.steps": (int, 1, inf, True),
    "protocol.patch": (int, 1, inf, False),
    "protocol.share": (float, 1e-12, 1, True),
    "metric.batch_size": (int, 1, inf, False),
    "metric.tolerance": (float, 0, inf, False),
    "metric.samples": (int, 1, inf, False),
    "metric.radius": (float, 1e-12, inf, False),
    "metric.stages": (int, 1, inf, True),
    "metric.seed": (int, 0, 2**32 - 1, False),
}


def check_values(config: DictConfig, folder: Path, name: str) -> None:
    """Refuse keys that no yaml has, values outside `CHOICES` and `LIMITS`, and those of another type than the default.

    What is added to `trainer` goes to lightning.Trainer, which knows its own options. Raises `UserError` that names the
    key, the value and what it takes.
    """
    _refuse_misplaced(config)
    _refuse_repeated_steps()
    values, defaults = _leaves(config), _leaves(_chosen_defaults(folder, name))
    for key, value in values.items():
        if key not in defaults and not key.startswith("trainer."):
            raise UserError(_explain_key(key, folder, name))
        if key in CHOICES and value not in CHOICES[key]:
            raise UserError(
                f"{key}={_shown(value)} is not valid; choose one of: {', '.join(map(_shown, CHOICES[key]))}"
            )
        default = defaults.get(key)
        if key in LIMITS:
            _check_limits(key, value)
        elif default is not None and not _fits(value, default):
            raise UserError(f"{key}={_shown(value)} is not valid; it takes a {_type_name(default)}, such as {default}")


def _check_limits(key: str, value: Any) -> None:
    number_type, low, high, nullable = LIMITS[key]
    if value is None and nullable:
        return
    fits = isinstance(value, int if number_type is int else int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        what = {int: "whole number", float: "number"}[number_type]
        bounds = f"from {low} to {high}" if high < inf else f"of at least {low}"
        raise UserError(f"{key}={_shown(value)} is not valid; it takes a {what} {bounds}{' or null' * nullable}")


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


# Groups that are options of a choice: which, and a choice that has them.
PARTS: Mapping[str, tuple[str, str]] = {
    "composite": ("method", "lrp"),
    "skip": ("method", "lrp"),
    "protocol": ("metric", "insertion_deletion"),
}


def _refuse_misplaced(config: DictConfig) -> None:
    """What belongs to one method or metric would be ignored by another; a name alone would leave the rest out."""
    given = {re.split(r"[.=]", override)[0] for override in HydraConfig.get().overrides.task}
    for group, (whole, other) in PARTS.items():
        chosen = config.get(whole, {})
        if group in given and group not in chosen:
            raise UserError(f"{whole}={chosen.name} has no {group}; leave {group}=… out, or take {whole}={other}")
        if group in chosen and chosen[group] not in (config[group], config[group].name):
            name = _shown(chosen[group])
            raise UserError(f"{whole}.{group}={name} is not valid; say {group}={name}")
    if config.get("audit") is True and "composite" not in config.method:
        name = config.method.name
        raise UserError(f"audit=true: method={name} has no relevance to audit; leave it out, or take method=lrp")
    devices = config.get("trainer", {}).get("devices", 1)
    if devices != 1 and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError(f"trainer.devices={devices}: every run of a sweep takes one device, trainer.devices=1")


def _refuse_repeated_steps() -> None:
    """Hydra makes one of a step that is chosen twice."""
    chosen = [given.partition("=")[2] for given in HydraConfig.get().overrides.task if given.startswith("postprocess=")]
    steps = [step for choice in chosen for step in choice.strip("[]").split(",")]
    if repeated := [step for step in steps if steps.count(step) > 1]:
        raise UserError(f"postprocess=[{','.join(steps)}] has {repeated[0]} twice; each step can be taken once")


def explain_refusal(error: Exception, folder: Path, name: str) -> str:
    """One line for what Hydra or OmegaConf refused: what was given, what is valid."""
    if isinstance(error, MissingConfigException):
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        options = error.options or sorted(path.stem for path in (folder / group).glob("*.yaml"))
        return f"{group}={option} is unknown; choose one of: {', '.join(options)}"
    text = str(error)
    if key := re.search(r"(?:Could not override '([^']+)'|full_key: (\S+))", text):
        return _explain_key(key[1] or key[2], folder, name)
    return text


def _explain_key(key: str, folder: Path, name: str) -> str:
    """For an unknown key: the keys that stand where it was looked for, the nearest first."""
    key = key.partition("@")[0].replace("/", ".")
    for group, (whole, _) in PARTS.items():
        if key.startswith(f"{whole}.{group}."):
            return f"{key}=… is not valid; say {key.removeprefix(f'{whole}.')}=…"
    if key.startswith("postprocess.") and (folder / "postprocess" / f"{key.split('.')[1]}.yaml").is_file():
        step = key.split(".")[1]
        options = ", ".join(map(str, OmegaConf.load(folder / "postprocess" / f"{step}.yaml")))
        return f"{key} is unknown; say postprocess=[{step}], which has: {options}"
    with _composer(folder, name):
        config = compose(name)
    parent, _, last = key.rpartition(".")
    while parent and not isinstance(OmegaConf.select(config, parent), DictConfig):
        parent, _, last = parent.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    valid = [str(k) for k in node]
    near = difflib.get_close_matches(last, valid, n=1)
    hint = f"did you mean {'.'.join(filter(None, (parent, near[0])))}? " if near else ""
    return f"{key} is unknown; {hint}{parent or 'the config'} has: {', '.join(valid)}"


def _chosen_defaults(folder: Path, name: str) -> DictConfig:
    """The config with the choices of the running Hydra main and no value overridden."""
    choices = {k: v for k, v in HydraConfig.get().runtime.choices.items() if v and not k.startswith("hydra/")}
    # Hydra does not say which ones were chosen from a group that takes several.
    several = [given for given in HydraConfig.get().overrides.task if (folder / given.partition("=")[0]).is_dir()]
    with _composer(folder, name):
        return compose(name, [*several, *(f"{group}={option}" for group, option in choices.items())])


@contextmanager
def _composer(folder: Path, job: str) -> Iterator[None]:
    """Hydra's compose API beside a running Hydra main, which owns the global state."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), job, version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = running


def _leaves(config: DictConfig) -> dict[str, Any]:
    """Values by dotted key, interpolations resolved."""

    def flatten(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            if isinstance(value, dict):
                yield from flatten(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}", value

    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return dict(flatten({str(key): value for key, value in container.items()}, ""))


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str):  # a name may look like a number to YAML
        return isinstance(value, str | int | float)
    return type(value) is type(default)


def _type_name(default: Any) -> str:
    names = {bool: "boolean", int: "whole number", float: "number", str: "name"}
    return names.get(type(default), type(default).__name__)
