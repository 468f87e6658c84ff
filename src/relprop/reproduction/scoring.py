"""A cell: one method's heatmaps of one network, scored by one metric."""

from hashlib import sha256
from pathlib import Path

from omegaconf import DictConfig

from relprop.errors import UserError
from relprop.experiment.explaining import limit_of, score
from relprop.explainers import EXPLAINERS
from relprop.metrics import METRICS
from relprop.models import MODELS
from relprop.models.weights import weights_hash
from relprop.registry import choose
from relprop.reproduction.reading import data_of
from relprop.reproduction.tasks import Task, module_of, named, placed, settings, versions
from relprop.reproduction.trying import seconds_of_scoring
from relprop.resuming import FILES

GROUPS = ("dataset", "model", "method", "reduction", "postprocess", "metric", "target", "images", "sheet", "seed")
AT_ONCE = ("batch_size", "max_batch")  # how many images go through the network together: no matter for heatmaps


class ScoreTask(Task):
    """One run as `visualize.py` does it, without pictures of its own."""

    @property
    def kinds(self) -> list[tuple[str, ...]]:
        """The same network and method, else the same network, else any."""
        model, method = self.config.model.name, self.config.method.name
        return [(model, method), (model,), ()]

    def run(self) -> None:
        """Explain and score what has no rows yet."""
        data = data_of(self.config, limit=limit_of(self.config), batch_size=self.config.batch_size)
        score(self.config, self.checkpoint, data=data, for_tables=True)

    def estimate(self, known: dict[str, float]) -> float:
        """From a few images."""
        return seconds_of_scoring(self.config, self.checkpoint, known)


def score_task(parent: Path, label: str, config: DictConfig, checkpoint: Path | None, data_hash: str) -> ScoreTask:
    """The cell of a config of `visualize.py`, its weights in `checkpoint`, its images those with this hash.

    Without a checkpoint the network is yet to be trained, and the cell has another name until it is. Raises `UserError`
    if a file that the method takes is missing.
    """
    method, metric, model, data = config.method.name, config.metric.name, config.model.name, config.dataset.name
    modules = [
        module_of(choose("method", method, EXPLAINERS)),
        module_of(choose("metric", metric, METRICS)),
        module_of(choose("model", model, MODELS)),
        "relprop.postprocessing",
    ]
    facts = {
        "config": settings(config, GROUPS, AT_ONCE),
        "precision": config.trainer.precision,
        "files": {option: _hash(config.method[option]) for option in FILES if config.method.get(option)},
        "checkpoint": None if checkpoint is None else weights_hash(checkpoint),
        "data": data_hash,
        "versions": versions(*modules),
    }
    folder = named(parent, [data, model, method, metric], facts)
    return ScoreTask(folder, label, placed(config, folder, label, checkpoint), checkpoint)


def _hash(path: str) -> str:
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"there is no file {file}, which the method is to take; give another")
    return sha256(file.read_bytes()).hexdigest()
