"""A paper's tables from its config."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig

from relprop.comparison.trainings import read_trainings
from relprop.errors import UserError
from relprop.experiment.precision import study_precisions
from relprop.processes import cores
from relprop.provenance import provenance
from relprop.reproduction.estimating import print_estimates
from relprop.reproduction.outcomes import at_work, failure
from relprop.reproduction.paper import Paper, read_paper, tables_of
from relprop.reproduction.parts import Part, part_of
from relprop.reproduction.plan import Network, plan_cells, plan_networks, plan_trainings
from relprop.reproduction.running import POLL, run_tasks
from relprop.reproduction.tasks import Task
from relprop.reproduction.training import TrainTask
from relprop.reproduction.words import Words
from relprop.reproduction.writing import log_parts, write
from relprop.resuming import HeldError, hold
from relprop.tables import Absent, Column, Table

log = logging.getLogger(__name__)

PICTURES = 50  # explained at once
MOST_JOBS = 8  # unless the command asks for more: each takes a gigabyte of memory or more


def reproduce(config: DictConfig, conf: Path, session: str | None = None) -> None:
    """Compute every cell that can be had, and write the tables, the figures and the report into `config.run_dir`.

    `conf` is the folder of configs. Commands with the same `session` share their work: none tries again what another of
    them has failed to compute, and the last one to finish writes the tables. Raises `UserError`, after all is written,
    if a cell has failed.
    """
    origin, paper = provenance(), read_paper(config.paper)
    words, parent = words_of(config, conf, paper), Path(config.output_dir) / "reproduce"
    networks = plan_networks(paper, words, parent / "trainings", Path(str(config.weights_dir)).expanduser())
    for network in networks:
        if network.absent is not None:
            log.warning("left out: %s", network.absent.reason)
    studies = plan_trainings(paper, words, parent / "trainings")
    trainings = [network.training for network in networks if network.training is not None]
    trainings += [task for tasks in studies.values() if not isinstance(tasks, Absent) for task in tasks]
    if config.dry_run:
        plan = plan_cells(paper, networks, words, parent / "cells")
        print_estimates([*trainings, *plan.tasks], jobs_of(config), config.job_threads)
        return
    session = session or uuid.uuid4().hex
    _run(trainings, config, session, "trainings", waits=True)
    plan = plan_cells(paper, [_trained(network) for network in networks], words, parent / "cells")
    _run(plan.tasks, config, session, "cells")
    tasks = [*trainings, *plan.tasks]
    if pending := [task for task in tasks if not task.done and failure(task) is None]:
        log.info("%d tasks are in the hands of other processes; the last one to finish writes the tables", len(pending))
        return
    parts = [part_of(paper, name, spec, plan) for name, spec in tables_of(paper).items()]
    parts += [_precision_part(paper, name, tasks) for name, tasks in studies.items()]
    try:
        with hold(Path(config.run_dir)):
            write(paper, parts, plan, Path(config.run_dir))
            log_parts(config, parts, origin)
    except HeldError:
        log.info("another process is about to write the same tables into %s", config.run_dir)
    _complain(tasks, Path(config.run_dir))


def words_of(config: DictConfig, conf: Path, paper: Paper) -> Words:
    """What the command says to all tasks."""
    shared = {
        "data_dir": config.data_dir,
        "output_dir": config.output_dir,
        "trainer.accelerator": config.accelerator,
        "trainer.enable_progress_bar": False,
    }
    if config.logger.name == "wandb":
        shared |= {"logger.project": config.logger.project, "logger.group": paper.name}
    return Words(conf, config.logger.name, config.seed, shared, config.images)


def jobs_of(config: DictConfig) -> int:
    """How many tasks run at a time: as the command says, or one for each GPU, or for each `job_threads` cores."""
    if config.jobs is not None:
        return int(config.jobs)
    if config.accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.device_count()
    return max(1, min(MOST_JOBS, cores() // int(config.job_threads)))


def _run(tasks: Sequence[Task], config: DictConfig, session: str, what: str, waits: bool = False) -> None:
    """Until nothing is left but what others are at work on; of what they leave unfinished, too.

    With `waits` until they are done as well, since more depends on it.
    """
    left = list(tasks)
    while left:
        run_tasks(left, jobs_of(config), int(config.job_threads), session, what)
        missing = _missing(left, session)
        while waits and missing and all(at_work(task) for task in missing):
            time.sleep(POLL)
            missing = _missing(missing, session)
        left = [task for task in missing if not at_work(task)]


def _missing(tasks: Sequence[Task], session: str) -> list[Task]:
    return [task for task in tasks if not task.done and failure(task, session) is None]


def _trained(network: Network) -> Network:
    """With why there are no weights, if the training has brought none."""
    if network.training is None or network.training.done:
        return network
    return replace(network, absent=Absent("failed", f"{network.training.label}: {failure(network.training)}"))


def _precision_part(paper: Paper, name: str, tasks: Sequence[TrainTask] | Absent) -> Part:
    study = paper.precision[name]
    if isinstance(tasks, Absent):
        return Part(name, Table([Column("precision")], [], study.caption, f"{tasks.word}: {tasks.reason}"))
    if not any(task.done for task in tasks):
        return Part(name, Table([Column("precision")], [], study.caption, "No training has come to its end."))
    finished = read_trainings([str(task.folder) for task in tasks if task.done])
    table, facts = study_precisions(finished, study.composite, study.images, PICTURES)
    return Part(name, replace(table, caption=study.caption), facts=facts)


def _complain(tasks: Sequence[Task], folder: Path) -> None:
    failed = [f"{task.label}: {failure(task)}" for task in tasks if not task.done]
    if failed:
        more = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise UserError(f"{len(failed)} of {len(tasks)} failed: {failed[0]}{more}; the tables in {folder} say which")
