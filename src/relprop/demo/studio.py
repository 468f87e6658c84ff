"""Networks and methods at hand: opened once, kept for the next question, used by one question at a time."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TypeVar
from weakref import WeakValueDictionary

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from relprop.adopting import adopted
from relprop.checkpoints import load_network
from relprop.data import ImageDataModule
from relprop.demo.choice import Choice
from relprop.demo.networks import Listed, find, list_networks
from relprop.demo.samples import Sample, samples_of
from relprop.errors import UserError
from relprop.experiment.building import build_data, on_cpu, options_of
from relprop.experiment.fitting import fitted_patterns, images_for_patterns
from relprop.experiment.method import Method, build_method, describe_method
from relprop.runs import choose_checkpoint
from relprop.sentences import composed, words_by_method

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

NETWORKS, METHODS = 3, 12  # how many are kept


@dataclass(frozen=True)
class Opened:
    """A network with its data set, on `device`; `name` is what titles call it, `key` what it is kept by."""

    listed: Listed
    key: tuple[str, int]
    name: str
    network: nn.Module
    data: ImageDataModule
    device: torch.device


@dataclass(frozen=True)
class Named:
    """A method, and how it was called."""

    method: Method
    said: str


class Studio:
    """What answers the page's questions.

    `config` is that of the command `demo.py`, `folder` the one of all configs, `words` those of the command that are
    the same for whatever is chosen on the page, `own` the network that the command names, if it names one. `lock` is
    held by whoever computes: Hydra and torch have states of their own that threads must not share.
    """

    def __init__(self, config: DictConfig, folder: Path, words: Sequence[str], own: Listed | None) -> None:
        self.config, self.folder, self.words, self.own = config, folder, tuple(words), own
        self.run_dir = Path(config.run_dir)
        self.lock = RLock()
        self._listed: list[Listed] = []
        self._opened: OrderedDict[tuple[str, int], Opened] = OrderedDict()
        self._in_use: WeakValueDictionary[tuple[str, int], Opened] = WeakValueDictionary()  # before some visitor
        self._samples: OrderedDict[tuple[str, int], list[Sample]] = OrderedDict()
        self._read: OrderedDict[tuple[str, ...], dict[str, list[str]]] = OrderedDict()
        self._methods: OrderedDict[tuple[tuple[str, int], tuple[str, ...]], Named] = OrderedDict()

    def networks(self) -> list[Listed]:
        """Those that can be opened now: trainings end, and folders are removed. Raises `UserError` if none is left."""
        with self.lock:
            self._listed = list_networks(Path(self.config.output_dir), self.own)
            if not self._listed:
                raise UserError(f"there is no checkpoint below {self.config.output_dir}; train a network")
            return self._listed

    def open(self, id: object) -> Opened:
        """The network with this id, read anew if its file has been replaced.

        Raises `UserError` if it is not listed, and for whatever is wrong with its checkpoint.
        """
        with self.lock:
            known = any(each.id == id for each in self._listed)  # listing reads the config of every training
            listed = find(id, self._listed if known else self.networks())
            key = (listed.id, listed.version)
            opened = _kept(self._opened, key, NETWORKS, lambda: self._in_use.get(key) or self._open(listed, key))
            self._in_use[key] = opened
            for gone in [each for each in self._methods if each[0] not in self._opened]:
                del self._methods[gone]  # which would keep its network
            return opened

    def samples(self, opened: Opened) -> list[Sample]:
        """Of the network's data set. Raises `UserError` if that is not there."""
        with self.lock:
            return _kept(self._samples, opened.key, NETWORKS, lambda: samples_of(opened.data))

    def sentence(self, opened: Opened, choice: Choice) -> list[str]:
        """The words of `visualize.py` for this choice, but the target; of options, those that a chosen method has."""
        taken = {word for mine in self._by_method(opened, choice).values() for word in mine}
        return [word for word in self._all(opened, choice) if word in taken or word.startswith("method=")]

    def method(self, opened: Opened, choice: Choice, name: str) -> Named:
        """One of the chosen methods for this network. Raises `UserError` if it does not go with it."""
        with self.lock:
            words = tuple(self._by_method(opened, choice)[name])
            return _kept(self._methods, (opened.key, words), METHODS, lambda: self._build(opened, words))

    def _all(self, opened: Opened, choice: Choice) -> tuple[str, ...]:
        return (*opened.listed.words, *self.words, *choice.words)

    def _by_method(self, opened: Opened, choice: Choice) -> dict[str, list[str]]:
        """What is said to each method: kept, since Hydra takes longer to read it than a small network to answer."""
        words = self._all(opened, choice)
        with self.lock:
            return _kept(self._read, words, METHODS, lambda: words_by_method(words, self.folder))

    def _open(self, listed: Listed, key: tuple[str, int]) -> Opened:
        try:
            config = self._compose([*listed.words, *self.words])
            data = build_data(config)
            network, _ = load_network(choose_checkpoint(config), config.model.name, data, options_of(config.model))
        except UserError:
            raise
        except Exception as error:  # of a checkpoint that was changed by hand anything may come
            log.exception("%s cannot be opened", listed.label)
            raise UserError(f"{listed.label} cannot be opened ({type(error).__name__}); train it anew") from error
        device = torch.device("cpu" if on_cpu(config) else "cuda")
        return Opened(listed, key, f"{config.model.name} on {data.name}", network.to(device).eval(), data, device)

    def _build(self, opened: Opened, words: Sequence[str]) -> Named:
        config = self._compose(words)
        options, to_fit_on = options_of(config.method), images_for_patterns(config)
        if to_fit_on is not None:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            id, version = opened.key
            path = self.run_dir / f"patterns-{id}-{version}-{config.method.bn}.safetensors"
            options["patterns"] = fitted_patterns(config, opened.network, to_fit_on, path, continued=True)
        method = build_method(config, opened.network, opened.data, options)
        return Named(method, describe_method(config, method.pipeline))

    def _compose(self, words: Sequence[str]) -> DictConfig:
        """The config of `visualize.py` in these words, completed by what its checkpoint says."""
        config = composed(self.folder, "visualize", words)
        OmegaConf.update(config, "run_dir", str(self.run_dir))
        return adopted(config, words)


def _kept(cache: OrderedDict[K, T], key: K, most: int, make: Callable[[], T]) -> T:
    """What the cache has for this key, else what is made now; of `most` things, the one unused for longest goes."""
    if key not in cache:
        cache[key] = make()
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
    return cache[key]
