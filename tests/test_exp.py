"""exp.sh, started as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.configs import SCRIPTS, options
from tests.processes import only, run

ROOT = SCRIPTS.parent


def test_quickstart(tmp_path: Path) -> None:
    """The README's first command, in the environment that runs this test: at least 97 % on the test digits."""
    environment = {"VIRTUAL_ENV": sys.prefix, "COLUMNS": "120"}
    output = run(
        "bash", str(ROOT / "exp.sh"), "quickstart", "images=20", f"output_dir={tmp_path}", cwd=tmp_path, **environment
    )
    training = json.loads(only(tmp_path, "train/*/summary.json").read_text())
    assert training["n"] == 360
    assert training["test_accuracy"] >= 0.97
    folder = only(tmp_path, "visualize/*")
    scores = json.loads((folder / "summary.json").read_text())
    assert scores["id"]["mean"] > 0.2  # random heatmaps are at 0
    for name in ("insertion", "deletion", "id"):
        assert f"{scores[name]['mean']:.4f}" in output
    assert f"{folder}/heatmaps.png" in output
    assert f"{folder}/curves.png" in output


def test_exp_lists_every_experiment_with_a_line_each() -> None:
    output = run("bash", str(ROOT / "exp.sh"), cwd=ROOT)
    functions = {
        line.removeprefix("run_").split("(")[0]
        for line in (ROOT / "exp.sh").read_text().splitlines()
        if line.startswith("run_")
    }
    experiments, _, papers = output.partition("papers, ")
    listed = {line.split()[0] for line in experiments.splitlines()[1:]}
    assert listed == functions
    assert {"quickstart", "test"} <= listed
    described = dict(line.split(maxsplit=1) for line in papers.splitlines()[1:])
    assert sorted(described) == options("paper")


def test_exp_refuses_an_unknown_name() -> None:
    result = subprocess.run(["bash", str(ROOT / "exp.sh"), "nope"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: there is no experiment 'nope'")


def noting_python(folder: Path) -> Path:
    """An environment whose Python notes what it is asked to do, in `folder`/noted."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/bash\nif [[ $1 != -c ]]; then echo "$@" >>{folder}/noted; fi\n')
    python.chmod(0o755)
    return folder


def test_trainings_of_other_words_go_elsewhere_and_finished_ones_stay(tmp_path: Path) -> None:
    environment = {**os.environ, "VIRTUAL_ENV": str(noting_python(tmp_path))}
    names = ["quickstart", "remethods_mnist_vgg11", "cifar10_resnet20", "imagenette_resnet18"]
    words = ["seed=9", "+trainer.precision=[a,b]"]
    command = ["bash", str(ROOT / "exp.sh"), "trainings", *words]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (tmp_path / names[1]).mkdir()
    (tmp_path / names[1] / "summary.json").touch()
    here = environment | {"TRAININGS": str(tmp_path)}
    finished = subprocess.run(command, env=here, check=True, capture_output=True, text=True).stdout
    assert f"finished before, remove it to train it anew: {tmp_path}/{names[1]}" in finished
    places = [(f"outputs/trainings/seed-9--trainer.precision--a-b-/{name}", name) for name in names]
    places += [(f"{tmp_path}/{name}", name) for name in names if name != names[1]]
    expected = [f"scripts/train.py hydra.run.dir={at} experiment={name} {' '.join(words)}" for at, name in places]
    assert (tmp_path / "noted").read_text().splitlines() == expected
