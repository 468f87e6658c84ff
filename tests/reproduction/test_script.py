"""scripts/reproduce.py as a user starts it."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from relprop.reproduction.reproducing import reproduce
from tests.configs import CONF, SCRIPTS
from tests.processes import run, script
from tests.reproduction.papers import PAPER, asked, save_weights


@pytest.fixture
def own_paper(tmp_path: Path) -> list[str]:
    """Words by which a paper of one's own is found, and its weights."""
    save_weights(tmp_path / "weights")
    folder = tmp_path / "conf" / "paper"
    folder.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(PAPER), folder / "floors.yaml")
    places = [f"hydra.searchpath=[file://{tmp_path}/conf]", f"weights_dir={tmp_path}/weights"]
    return [*places, f"output_dir={tmp_path}/outputs", "paper=floors", "logger=csv", "jobs=1"]


@pytest.mark.slow
def test_runs_of_a_sweep_share_the_work_and_write_one_table(own_paper: list[str], tmp_path: Path) -> None:
    """By submitit's processes, which stand for SLURM's jobs."""
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]
    script("reproduce", "-m", *launcher, *own_paper, "worker=0,1", cwd=tmp_path)
    outputs = tmp_path / "outputs" / "reproduce"
    assert len(list(outputs.glob("cells/*/summary.json"))) == 4
    assert not list(outputs.glob("cells/*/failed.json"))
    shared = (outputs / "floors" / "floors.csv").read_bytes()
    reproduce(asked(tmp_path, PAPER, "jobs=1"), CONF)
    assert (tmp_path / "results" / "floors.csv").read_bytes() == shared


@pytest.mark.slow
def test_what_is_wrong_is_one_line_and_exit_code_1(own_paper: list[str], tmp_path: Path) -> None:
    """As weights that are none, in a dry run already."""
    (tmp_path / "weights" / "net.pt").write_text("nothing")
    command = [sys.executable, str(SCRIPTS / "reproduce.py"), *own_paper, "--dry-run"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/weights/net.pt is not a checkpoint")
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_every_table_of_the_digits(tmp_path: Path) -> None:
    """`bash exp.sh digits_residual`, on fewer images, by a network that has been trained for an epoch."""
    train = "paper.networks.ResNet-20.train=['experiment=quickstart','dataset.epochs=1']"
    words = ["digits_residual", "images=2", "jobs=1", "logger=csv", train, f"output_dir={tmp_path}"]
    run("bash", str(CONF.parent / "exp.sh"), *words, cwd=tmp_path, VIRTUAL_ENV=sys.prefix)
    results = tmp_path / "reproduce" / "digits_residual"
    paper = OmegaConf.load(CONF / "paper" / "digits_residual.yaml")
    for name, table in paper.tables.items():
        with (results / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row[next(iter(row))] for row in rows] == list(table.rows)
        numbers = [value for row in rows for key, value in row.items() if key.endswith(" mean")]
        assert all(float(value) == float(value) for value in numbers)
        for kind in table.get("figures", ()):
            assert list(results.glob(f"{name}_resnet-20_{kind}*.png"))
    assert (results / "report.html").stat().st_size > 100_000
