"""Commands that choose several of a group: `method=[lrp,gradcam]`. Knows Hydra, not torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf


def listed(group: str) -> list[str]:
    """The names that the running command chooses from a group, none if it does not mention it."""
    given = OverridesParser.create().parse_overrides([*HydraConfig.get().overrides.task])
    chosen = [override.value() for override in given if override.key_or_group == group]
    return [str(name) for value in chosen for name in (value if isinstance(value, list) else [value])]


def by_method(config: DictConfig, folder: Path, name: str) -> list[DictConfig]:
    """The config `folder/name.yaml` of the running command, once for each method of `method=[…]`.

    Hydra makes one of several choices of a group, the last that is named, with the options of all. Of the options that
    the command gives, each method gets those that it has.
    """
    methods = listed("method")
    if len(methods) < 2:
        return [config]
    given = [override for override in HydraConfig.get().overrides.task if not override.startswith("method=")]

    def sentence(method: str) -> list[str]:
        options = OmegaConf.load(folder / "method" / f"{method}.yaml")
        mine = [o for o in given if not o.startswith("method.") or o[len("method.") :].partition("=")[0] in options]
        return [*mine, f"method={method}"]

    with composer(folder, name):
        return [compose(name, sentence(method)) for method in methods]


@contextmanager
def composer(folder: Path, job: str) -> Iterator[None]:
    """Hydra's compose API beside a running Hydra main, which owns the global state."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), job, version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = running
