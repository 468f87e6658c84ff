"""What a task is named by: all that its numbers depend on, and nothing else."""

from pathlib import Path

import pytest

from relprop.errors import UserError
from relprop.reproduction.scoring import score_task
from relprop.reproduction.training import train_task
from tests.configs import composed
from tests.reproduction.papers import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    save_weights(folder)
    return folder / "net.pt"


def cell(folder: Path, weights: Path, *words: str) -> str:
    config = composed("visualize", folder, "logger=csv", *words)
    return score_task(folder, "a cell", config, weights, "the images").key


def training(folder: Path, *words: str) -> str:
    return train_task(folder, "a training", composed("train", folder, "logger=csv", *words)).key


@pytest.mark.parametrize(
    "word", ["skip=simple", "protocol.step=64", "images=7", "seed=1", "trainer.precision=bf16-mixed"]
)
def test_a_cell_depends_on_what_is_computed(word: str, weights: Path, tmp_path: Path) -> None:
    assert cell(tmp_path, weights, word) != cell(tmp_path, weights)


@pytest.mark.parametrize(
    "word", ["batch_size=3", "metric.batch_size=3", "method.max_batch=3", "output_dir=x", "dataset.num_workers=3"]
)
def test_a_cell_does_not_depend_on_how_many_go_at_once_or_where(word: str, weights: Path, tmp_path: Path) -> None:
    assert cell(tmp_path, weights, word) == cell(tmp_path, weights)


def test_a_cell_depends_on_the_content_of_its_files(weights: Path, tmp_path: Path) -> None:
    patterns = tmp_path / "patterns.safetensors"
    words = ("composite=pattern_net", f"method.patterns={patterns}")
    with pytest.raises(UserError, match=f"there is no file {patterns}"):
        cell(tmp_path, weights, *words)
    patterns.write_bytes(b"one")
    one = cell(tmp_path, weights, *words)
    patterns.write_bytes(b"other")
    assert cell(tmp_path, weights, *words) != one


def test_a_training_depends_on_its_batches_and_not_on_who_reads_them(tmp_path: Path) -> None:
    assert training(tmp_path, "dataset.batch_size=17") != training(tmp_path)
    assert training(tmp_path, "seed=3") != training(tmp_path)
    assert training(tmp_path, "dataset.num_workers=3", f"run_dir={tmp_path}/x") == training(tmp_path)
