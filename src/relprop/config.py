"""What values a config takes, and one-line explanations of those that it does not. Knows OmegaConf, not torch."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from relprop.errors import UserError

# Values that are names, by key. A test holds them against what the code accepts.
CHOICES: Mapping[str, Sequence[Any]] = {
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "trainer.precision": ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"),
    "method.start": (None, "probability", "softmax", "logit", "one"),
    "method.bn": ("pass", "fold"),
    "memory_format": ("contiguous", "channels_last"),
    "target": ("predicted", "label"),
    "reduction": ("sum", "abs_sum", "max"),
}


def check_values(config: DictConfig, folder: Path, name: str) -> None:
    """Refuse values that are not among `CHOICES`, or of another type than the default in the yaml.

    Raises `UserError` that names the key, the value and what it takes.
    """
    _refuse_unused(config)
    values, defaults = _leaves(config), _leaves(_chosen_defaults(folder, name))
    for key, value in values.items():
        if key in CHOICES and value not in CHOICES[key]:
            valid = ", ".join("null" if choice is None else str(choice) for choice in CHOICES[key])
            raise UserError(f"{key}={value} is not valid; choose one of: {valid}")
        default = defaults.get(key)
        if default is not None and value is not None and not _fits(value, default):
            raise UserError(f"{key}={value} is not valid; it takes a {_type_name(default)}, such as {default}")


def _refuse_unused(config: DictConfig) -> None:
    """A composite or skip given to a method that has none would be ignored."""
    given = {override.partition("=")[0] for override in HydraConfig.get().overrides.task}
    for group in given & {"composite", "skip"}:
        if group not in config.method:
            raise UserError(f"method={config.method.name} has no {group}; leave {group}=… out, or take method=lrp")


def explain_refusal(error: Exception, folder: Path, name: str) -> str:
    """One line for what Hydra or OmegaConf refused: what was given, what is valid."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={option} is unknown; choose one of: {', '.join(error.options)}"
    text = str(error)
    if key := re.search(r"(?:Could not override '([^']+)'|full_key: (\S+))", text):
        return _explain_key(key[1] or key[2], folder, name)
    return text


def _explain_key(key: str, folder: Path, name: str) -> str:
    """For an unknown key: the keys that stand where it was looked for, the nearest first."""
    key = key.partition("@")[0].replace("/", ".")
    with _composer(folder):
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
    with _composer(folder):
        return compose(name, [f"{group}={option}" for group, option in choices.items()])


@contextmanager
def _composer(folder: Path) -> Iterator[None]:
    """Hydra's compose API beside a running Hydra main, which owns the global state."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
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
