"""What values a config takes, and one-line explanations of those that it does not. Knows OmegaConf, not torch."""

import difflib
import re
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from relprop.choices import CHOICES, INSTEAD_OF_NUMBERS, LIMITS, NULLABLE, PATTERNS
from relprop.errors import UserError
from relprop.misplaced import PARTS, refuse_misplaced
from relprop.sentences import composer


def check_values(config: DictConfig, folder: Path, name: str) -> None:
    """Refuse unknown keys, values outside `CHOICES`, `PATTERNS` and `LIMITS`, and those of a type unlike the default's.

    What is added to `trainer` goes to lightning.Trainer, which knows its own options. Raises `UserError` that names the
    key, the value and what it takes.
    """
    refuse_misplaced(config)
    values, defaults = leaves(config), leaves(_chosen_defaults(folder, name))
    for key, value in values.items():
        if key not in defaults and not key.startswith("trainer."):
            raise UserError(_explain_key(key, folder, name))
        if key in CHOICES and value not in CHOICES[key]:
            raise UserError(
                f"{key}={_shown(value)} is not valid; choose one of: {', '.join(map(_shown, CHOICES[key]))}"
            )
        if key in PATTERNS and not re.fullmatch(PATTERNS[key][0], _shown(value)):
            raise UserError(f"{key}={_shown(value)} is not valid; choose one of: {PATTERNS[key][1]}")
        default = defaults.get(key)
        if key in LIMITS:
            _check_limits(key, value)
        elif default is not None and not _fits(value, default) and not (value is None and key in NULLABLE):
            raise UserError(f"{key}={_shown(value)} is not valid; it takes a {_type_name(default)}, such as {default}")


def _check_limits(key: str, value: Any) -> None:
    number_type, low, high, nullable = LIMITS[key]
    words = INSTEAD_OF_NUMBERS.get(key, ())
    if value in words or (value is None and nullable):
        return
    fits = isinstance(value, int if number_type is int else int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        what = {int: "whole number", float: "number"}[number_type]
        bounds = f"from {low} to {high}" if high < inf else f"of at least {low}"
        others = "".join(f" or {word}" for word in (*["null"] * nullable, *words))
        raise UserError(f"{key}={_shown(value)} is not valid; it takes a {what} {bounds}{others}")


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def explain_refusal(error: Exception, folder: Path, name: str) -> str:
    """One line for what Hydra or OmegaConf refused: what was given, what is valid."""
    if isinstance(error, MissingConfigException):
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if group == "hydra/launcher" and option.startswith("submitit_"):
            return f"{group}={option} needs a plugin of Hydra's; install it with: pip install hydra-submitit-launcher"
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
    with composer(folder, name):
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
    elsewhere = [given for given in HydraConfig.get().overrides.hydra if given.startswith("hydra.searchpath=")]
    with composer(folder, name):
        return compose(name, [*elsewhere, *several, *(f"{group}={option}" for group, option in choices.items())])


def leaves(config: DictConfig) -> dict[str, Any]:
    """Values by dotted key, interpolations resolved; groups of nothing are left out."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {key: value for key, value in flatten(container).items() if value != {}}


def flatten(values: Mapping[Any, Any], separator: str = ".") -> dict[str, Any]:
    """Values and empty groups of a nested mapping by their keys, joined by `separator`."""

    def walk(node: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for key, value in node.items():
            if isinstance(value, Mapping) and value:
                yield from walk(value, f"{prefix}{key}{separator}")
            else:
                yield f"{prefix}{key}", value

    return dict(walk(values, ""))


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str):  # a name may look like a number to YAML
        return isinstance(value, str | int | float)
    return type(value) is type(default)


def _type_name(default: Any) -> str:
    names = {bool: "boolean", int: "whole number", float: "number", str: "name"}
    return names.get(type(default), type(default).__name__)
