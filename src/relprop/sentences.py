"""Commands that choose several of a group: `method=[lrp,gradcam]`. Knows Hydra, not torch."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from relprop.errors import UserError


def listed(group: str) -> list[str]:
    """The names that the running command chooses from a group, none if it does not mention it."""
    return chosen(HydraConfig.get().overrides.task, group)


def chosen(words: Sequence[str], group: str) -> list[str]:
    """The names that these words of a command choose from a group, none if they do not mention it."""
    given = OverridesParser.create().parse_overrides([*words])
    values = [override.value() for override in given if override.key_or_group == group]
    return [str(name) for value in values for name in (value if isinstance(value, list) else [value])]


def by_method(config: DictConfig, folder: Path, name: str) -> list[DictConfig]:
    """The config `folder/name.yaml` of the running command, once for each method of `method=[…]`.

    Hydra makes one of several choices of a group, the last that is named, with the options of all. Of the options that
    the command gives, each method gets those that it has.
    """
    sentences = words_by_method(HydraConfig.get().overrides.task, folder)
    if len(sentences) < 2:
        return [config]
    with composer(folder, name):
        return [compose(name, words) for words in sentences.values()]


def words_by_method(words: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """The words that a command says to each of its methods, by their names; of options, those that a method has."""
    given = [word for word in words if not word.startswith("method=")]

    def sentence(method: str) -> list[str]:
        options = OmegaConf.load(folder / "method" / f"{method}.yaml")
        mine = [w for w in given if not w.startswith("method.") or w[len("method.") :].partition("=")[0] in options]
        return [*mine, f"method={method}"]

    return {method: sentence(method) for method in chosen(words, "method")}


def composed(folder: Path, job: str, words: Sequence[str]) -> DictConfig:
    """The config `folder/job.yaml` in these words. Raises `UserError` for words that mean nothing."""
    try:
        with composer(folder, job):
            return compose(job, [*words])
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"'{job} {' '.join(words)}' means nothing: {' '.join(str(error).split())}") from error


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


def hydra_word(key: str, value: str) -> str:
    """The word of a command that sets `key` to this text and nothing else: quoted where Hydra would read more in it.

    Commas make sweeps and 3 a number, for instance; "${" is none of OmegaConf's interpolations here. A shell has
    quotes of its own: `shlex.join`.
    """
    plain = f"{key}={value}"
    if "$" not in value:
        try:
            if OverridesParser.create().parse_override(plain).value() == value:
                return plain
        except HydraException:
            pass
    literal = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)  # a backslash before ${, and those before it doubled
    return f"{key}={QuotedString(literal, Quote.single).with_quotes()}"
