"""What the README says can be done."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import torch

from relprop.benchmark import CASES
from tests.configs import SCRIPTS, composed, options
from tests.networks import Functional

ROOT = SCRIPTS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.S) for line in block.splitlines()]


def test_starts_with_the_two_commands() -> None:
    assert COMMANDS[:2] == ["bash exp.sh quickstart", "bash exp.sh test"]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_there_is(command: str, tmp_path: Path) -> None:
    """Experiments exist; scripts compose their config from these words (tests/test_scripts.py runs the main ones)."""
    program, target, *words = command.split()
    if program == "bash":
        listed = subprocess.run(["bash", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"  {words[0]} " in listed
    else:
        assert (ROOT / target).is_file()
        composed(Path(target).stem, tmp_path, *words)


def test_python_example_runs() -> None:
    torch.manual_seed(0)
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names = {"model": Functional().eval(), "images": torch.randn(2, 3, 16, 16), "MEAN": mean, "STD": std}
    exec(example, names)
    assert set(names["metric"].compute()) == {"insertion", "deletion", "id"}


@pytest.mark.parametrize("group", ["dataset", "method", "composite", "skip", "protocol", "logger"])
def test_table_of_choices_is_complete(group: str) -> None:
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", README, re.M)
    assert sorted(re.findall(r"`([^`]+)`", row)) == options(group)


def test_files_and_pictures_exist() -> None:
    paths = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"`((?:src|tests|conf)/[\w/.]+)`", README)
    assert paths
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / path).name == "NAME.yaml", path


def test_numbers_are_those_of_the_run_whose_picture_it_shows() -> None:
    folder = ROOT / "qual" / "quickstart"
    training, scores = (json.loads((folder / f"{name}.json").read_text()) for name in ("training", "summary"))
    assert f"{100 * training['test_accuracy']:.1f} % of the test digits" in README
    assert f"score of {scores['id']['mean']:.2f}" in README
    assert training["git_commit"] == scores["git_commit"]
    assert "dirty" not in scores["git_commit"]


def test_benchmark_table_names_the_cases() -> None:
    assert all(f"`{case}`" in README for case in CASES)
