"""What a command says that it does not take: parts of another choice, or what only test images or photographs have."""

import re
from collections.abc import Mapping

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from relprop.errors import UserError
from relprop.sentences import listed

# Groups that are options of a choice: which, and a choice that has them.
PARTS: Mapping[str, tuple[str, str]] = {
    "composite": ("method", "lrp"),
    "skip": ("method", "lrp"),
    "protocol": ("metric", "insertion_deletion"),
}
# What photographs, which have no true class and no score, leave nothing to do for.
OF_TEST_IMAGES = ("metric", "protocol", "images", "sheet", "audit")
OF_PHOTOGRAPHS = ("cut",)
# What `demo.py` leaves to `visualize.py`, what it does on its page only, and what in real time only.
OF_FILES = ("image", "cut", "images", "sheet", "audit", "metric", "batch_size")
OF_PAGE = ("host", "port", "share", "protocol")
OF_REAL_TIME = ("output", "window", "every_frame", "target")


def refuse_misplaced(config: DictConfig) -> None:
    """Raise `UserError` for what would be ignored; of a part alone, the rest would be left out."""
    given = {re.split(r"[.=]", override)[0] for override in HydraConfig.get().overrides.task}
    _refuse_parts(config, given)
    if "source" in config:
        _refuse_by_source(config, given)
    elif "image" in config:
        _refuse_by_image(config, given)
        _refuse_two_numbers(config, given)
    if "replace_head" in config:
        _refuse_by_training(config)
    if "trainer" in config and HydraConfig.get().mode == RunMode.MULTIRUN:
        _refuse_by_launcher(config)
    _refuse_repeated()


def _refuse_by_training(config: DictConfig) -> None:
    """What a training that can be continued, validated and tested does not take."""
    if config.replace_head and config.weights is None:
        raise UserError(
            "replace_head=true: random weights have no head to replace; leave it out, or say weights=imagenet or "
            "weights=FILE"
        )
    if config.trainer.get("max_steps", -1) != -1:
        raise UserError(
            f"trainer.max_steps={config.trainer.max_steps}: a training has whole epochs, after each of which it can go "
            "on when it was killed; say dataset.epochs=N, and +trainer.limit_train_batches=N for shorter ones"
        )
    for key in ("limit_train_batches", "limit_val_batches", "limit_test_batches"):
        if config.trainer.get(key) == 0:
            raise UserError(
                f"trainer.{key}=0: a training keeps the weights that are best in validation, and tests them; "
                "say a number of batches, or a share such as 0.1"
            )


def _refuse_by_launcher(config: DictConfig) -> None:
    """In a sweep Lightning cannot start other processes of a run; SLURM can."""
    launcher, options = HydraConfig.get().runtime.choices["hydra/launcher"], HydraConfig.get().launcher
    devices, tasks = config.trainer.devices, options.get("tasks_per_node") or 1
    if launcher == "submitit_slurm":
        if devices != tasks:
            raise UserError(
                f"trainer.devices={devices}, but every node has {tasks} process{'es' * (tasks > 1)} of a run; say "
                f"trainer.devices={tasks}, or set hydra.launcher.tasks_per_node"
            )
    elif devices != 1 or tasks != 1:
        given = f"trainer.devices={devices}" if devices != 1 else f"hydra.launcher.tasks_per_node={tasks}"
        raise UserError(
            f"{given}: every run of a sweep takes one device, trainer.devices=1; only with "
            "hydra/launcher=submitit_slurm it can take several"
        )


def _refuse_parts(config: DictConfig, given: set[str]) -> None:
    """What belongs to one method or metric would be ignored by another."""
    for group, (whole, other) in PARTS.items():
        if whole not in config:
            continue
        chosen = config[whole]
        if group in given and group not in chosen:
            raise UserError(f"{whole}={chosen.name} has no {group}; leave {group}=… out, or take {whole}={other}")
        if group in chosen and chosen[group] not in (config[group], config[group].name):
            name = "null" if chosen[group] is None else chosen[group]
            raise UserError(f"{whole}.{group}={name} is not valid; say {group}={name}")
    if config.get("audit") is True and "composite" not in config.method:
        name = config.method.name
        raise UserError(f"audit=true: method={name} has no relevance to audit; leave it out, or take method=lrp")


def _refuse_by_image(config: DictConfig, given: set[str]) -> None:
    methods = listed("method")
    if config.image is None:
        if len(methods) > 1:
            several = ",".join(methods)
            raise UserError(
                f"method=[{several}] compares several methods on photographs: give image=FILE; on the test images each "
                f"has a run of its own: python scripts/visualize.py -m method={several}"
            )
        if misplaced := [name for name in OF_PHOTOGRAPHS if name in given]:
            raise UserError(f"{misplaced[0]}=… is for photographs; leave it out, or give image=FILE")
        return
    if misplaced := [name for name in OF_TEST_IMAGES if name in given]:
        name = misplaced[0]
        raise UserError(f"{name}=… is for test images; leave it out, or leave image={config.image} out")
    if config.target == "label":
        raise UserError(
            "target=label is for test images; a photograph takes target=predicted, a class name or an index"
        )
    if config.trainer.devices != 1:
        raise UserError(f"trainer.devices={config.trainer.devices}: photographs take one device, trainer.devices=1")


def _refuse_by_source(config: DictConfig, given: set[str]) -> None:
    """The page and real time have little in common."""
    if misplaced := [name for name in OF_FILES if name in given]:
        raise UserError(f"{misplaced[0]}=… is for scripts/visualize.py; leave it out")
    if "file" in (config.method.name, *listed("method")):
        raise UserError("method=file has maps of test images; take another method, or scripts/visualize.py")
    if config.trainer.devices != 1:
        raise UserError(f"trainer.devices={config.trainer.devices}: this takes one device, trainer.devices=1")
    if config.source is None:
        if misplaced := [name for name in OF_REAL_TIME if name in given]:
            raise UserError(f"{misplaced[0]}=… is for real time; leave it out, or give source=webcam or source=FILE")
        return
    if misplaced := [name for name in OF_PAGE if name in given]:
        raise UserError(f"{misplaced[0]}=… is for the page; leave it out, or leave source={config.source} out")
    if config.target == "label":
        raise UserError("target=label is for test images; a video takes target=predicted, a class name or an index")
    if len(methods := listed("method")) > 1:
        raise UserError(f"method=[{','.join(methods)}]: a video is explained by one method; name one")


def _refuse_two_numbers(config: DictConfig, given: set[str]) -> None:
    """Both say how many test images there are."""
    per_class = config.dataset.per_class
    if per_class is not None and "images" in given:
        raise UserError(f"images={config.images} and dataset.per_class={per_class} contradict; leave one of them out")


def _refuse_repeated() -> None:
    """Hydra makes one of what is chosen twice."""
    for group, what in {"postprocess": "step", "method": "method"}.items():
        chosen = listed(group)
        if repeated := [name for name in chosen if chosen.count(name) > 1]:
            raise UserError(f"{group}=[{','.join(chosen)}] has {repeated[0]} twice; each {what} can be taken once")
