"""A logger whose troubles end no run."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

log = logging.getLogger(__name__)

Act = Callable[[Logger], object]
BLOCK = 4096  # bytes that a disk must still take for W&B to be believed


class EnduringLogger(Logger):
    """Hands all it gets to the logger that `build` gives; whatever is raised there becomes a warning.

    Out of reach, its disk full, its process killed, its library broken: each kind of trouble is said once. From the
    first on, all that is logged goes into a CSV log in `folder` as well, so that no number is lost. A logger that could
    not write or has lost its process is ended there, since its log has a hole; a CSV log, which has no reserve, is
    tried again. Not for the files that a run is made for, checkpoints and summary: these fail loudly.
    """

    def __init__(self, name: str, folder: Path, build: Callable[[], Logger]) -> None:
        super().__init__()
        self.kind, self.folder = name, folder
        self.takers: list[Logger] = []
        self._said: set[tuple[object, ...]] = set()
        with self._warning(name):
            self.takers.append(build())
        if not self.takers:
            self._add_reserve()

    @property
    def name(self) -> str:
        """Which logger it is, as in `logger=…`."""
        return self.kind

    @property
    def version(self) -> str:
        """The name of the run's folder."""
        return self.folder.name

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.folder)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Values of this step, by name."""
        self.attempt(lambda taker: taker.log_metrics(dict(metrics), step))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """What the run was started with."""
        self.attempt(lambda taker: taker.log_hyperparams(params, *args, **kwargs))

    def save(self) -> None:
        """Write what is still in memory."""
        self.attempt(lambda taker: taker.save())

    def finalize(self, status: str) -> None:
        """The trainer is done, for now; it may log again."""
        self.attempt(lambda taker: taker.finalize(status))

    def finish(self) -> None:
        """End W&B's run, so that the next one in this process is one of its own."""
        self.attempt(_finish)

    def attempt(self, act: Act) -> None:
        """Do `act` with the logger, and with its reserve if there has been trouble."""
        troubles = [self._trouble(act, taker) for taker in self.takers]
        if any(troubles) and self._add_reserve():
            self._trouble(act, self.takers[-1])
        for taker, trouble in zip(list(self.takers), troubles, strict=False):
            if isinstance(trouble, OSError) and not isinstance(taker, CSVLogger):
                self.takers.remove(taker)
                with self._warning(self.kind):
                    _finish(taker)

    def _trouble(self, act: Act, taker: Logger) -> Exception | None:
        """What lay behind it if `act` failed."""
        with self._warning("csv" if isinstance(taker, CSVLogger) else self.kind) as troubles:
            if isinstance(taker, WandbLogger):
                _refuse_full_disk(taker)
            act(taker)
            if isinstance(taker, TensorBoardLogger):
                taker.experiment.flush()  # else its writing thread would say only later that it has failed
        return troubles[0] if troubles else None

    def _add_reserve(self) -> bool:
        """Open the CSV log beside a logger of another kind; whether that is new."""
        if any(isinstance(taker, CSVLogger) for taker in self.takers) or self.kind == "csv":
            return False
        reserve = CSVLogger(self.folder, name="", version="csv")
        with self._warning("csv"):
            _ = reserve.experiment  # makes its folder
        self.takers.append(reserve)
        return True

    @contextmanager
    def _warning(self, kind: str) -> Iterator[list[Exception]]:
        """Say what is raised, once, and go on; the list then has it."""
        troubles: list[Exception] = []
        reports, logging.raiseExceptions = logging.raiseExceptions, False  # W&B's own log file may be in trouble, too
        try:
            yield troubles
        except Exception as error:  # W&B alone raises dozens of kinds
            troubles.append(cause := error.__cause__ if isinstance(error.__cause__, OSError) else error)
            if (kind, type(cause)) not in self._said:
                self._said.add((kind, type(cause)))
                instead = "goes on without it" if kind == "csv" else f"goes on, its log in {self.folder / 'csv'}"
                log.warning("logger=%s is in trouble (%s); the run %s", kind, describe(cause), instead)
        finally:
            logging.raiseExceptions = reports


def attempt(logger: Logger, act: Act) -> None:
    """Do `act` with the logger, or with those behind an `EnduringLogger`, whatever happens there."""
    if isinstance(logger, EnduringLogger):
        logger.attempt(act)
    else:
        act(logger)


def describe(error: Exception) -> str:
    """An exception in one line, the first of its message."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def _refuse_full_disk(taker: WandbLogger) -> None:
    """Raise `OSError` if W&B's folder takes no more: its own process, which writes the metrics, does not say so."""
    folder = Path(taker.experiment.dir)
    if folder.is_dir():  # none, where the user has switched W&B off
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"\0" * BLOCK)


def _finish(taker: Logger) -> None:
    if not isinstance(taker, WandbLogger):
        return
    try:
        taker.experiment.finish()
    except Exception:
        import wandb

        # W&B's process is gone or confused: forget it, else the next run in this one would fail as well.
        with suppress(Exception, SystemExit):
            wandb.teardown()
        raise
