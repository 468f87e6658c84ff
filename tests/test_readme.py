"""What the README says can be done."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch

from relprop.benchmark import ALL_CASES
from relprop.lrp import COMPOSITES, SPLITS
from relprop.models import build_model
from tests.configs import SCRIPTS, composed, options

ROOT = SCRIPTS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.S) for line in block.splitlines()]


def test_starts_with_the_two_commands() -> None:
    assert COMMANDS[:2] == ["bash exp.sh quickstart", "bash exp.sh test"]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_there_is(command: str, tmp_path: Path) -> None:
    """Experiments exist; scripts compose their config from these words (tests/test_scripts.py runs the main ones)."""
    program, *words = shlex.split(command)
    if program == "bash":
        exp, experiment, *_ = words
        listed = subprocess.run(["bash", exp], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"  {experiment} " in listed
        return
    options = {"--nproc-per-node=2"} if program == "torchrun" else {"--dry-run"}
    target, *words = (word for word in words if word not in options)
    assert (ROOT / target).is_file()
    if "-m" in words:  # a sweep: tests/test_slurm.py runs one
        words = [word for word in words if word != "-m" and not word.startswith("hydra") and "," not in word]
    composed(Path(target).stem, tmp_path, *words)


def test_python_examples_run(tmp_path: Path, monkeypatch, capsys) -> None:
    """One after the other, in one process, on a small ResNet-18; the refusal is printed as the comment says."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    names = {"torch": torch, "model": build_model("resnet18", num_classes=10, image_size=32).eval(), "images": images}
    names |= {"loader": [images, images], "MEAN": (0.5, 0.5, 0.5), "STD": (0.25, 0.25, 0.25)}
    for example in re.findall(r"```python\n(.*?)```", README, re.S):
        exec(example, names)
    assert set(names["metric"].compute()) == {"insertion", "deletion", "id"}
    (promised,) = re.findall(r"print\(refusal\)  # (.*?)…", README)
    assert promised in capsys.readouterr().out
    assert (tmp_path / "patterns.safetensors").is_file()


@pytest.mark.parametrize("name", COMPOSITES)
def test_cite_has_every_composite_and_every_publication_that_it_names(name: str) -> None:
    entries = README.partition("## Cite")[2].split("\n- ")[1:]
    assert any(f"`{name}`" in entry for entry in entries)
    publications = re.findall(r"([A-Z]\w+(?: [A-Z]\w+)?)(?: et al\.| & \w+)? (\d{4})", COMPOSITES[name].source)
    assert publications
    for author, year in publications:
        assert any(author in entry and year in entry for entry in entries), (author, year)


@pytest.mark.parametrize(
    "group",
    [
        "dataset",
        "method",
        "composite",
        "skip",
        "metric",
        "protocol",
        "postprocess",
        "experiment",
        "paper",
        "trainer",
        "logger",
    ],
)
def test_table_of_choices_is_complete(group: str) -> None:
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", README, re.M)
    assert sorted(re.findall(r"`([^`]+)`", row)) == options(group)


def test_numbers_of_the_gamma_split_are_its_own() -> None:
    up = 1 + SPLITS["gamma"].gamma
    assert f"counts {up:g} times, so that no share is larger than {up / (up - 1):g};" in " ".join(README.split())


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
    assert "data_dir: data\n" in (folder / "config.yaml").read_text()  # no place of one machine


def test_benchmark_table_names_the_cases() -> None:
    assert all(f"`{name}`" in README for name, case in ALL_CASES.items() if not case.needs_cuda)
