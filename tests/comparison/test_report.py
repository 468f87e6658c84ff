import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relprop.comparison.pairs import compare
from relprop.comparison.report import compare_runs
from relprop.comparison.runs import read_runs
from relprop.statistics import holm
from tests.comparison.results import BETTER, leave_run, rows, settings
from tests.configs import SCRIPTS
from tests.processes import only, run, script

GENERATOR = np.random.default_rng(0)
ROWS = {name: rows(*(GENERATOR.random((2, 9)) + shift).tolist()) for name, shift in [("lrp", 0.3), ("random", 0.0)]}
ROWS["gradient"] = rows([0.5] * 9, [0.25] * 9)


def leave_runs(folder: Path, *methods: str, **summary: Any) -> list[Path]:
    return [leave_run(folder / name, ROWS[name], settings(method={"name": name}), **summary) for name in methods]


def report(folder: Path, *methods: str) -> tuple[Any, str]:
    """`comparison.json`, read, and `comparison.md`."""
    compare_runs(read_runs(leave_runs(folder, *methods)), seed=4, folder=folder / "out")
    written = json.loads((folder / "out" / "comparison.json").read_text(encoding="utf-8"))
    return written, (folder / "out" / "comparison.md").read_text(encoding="utf-8")


def test_first_against_each_of_the_others(tmp_path: Path) -> None:
    written, _ = report(tmp_path, "lrp", "random", "gradient")
    assert [run["name"] for run in written["runs"]] == ["lrp", "random", "gradient"]
    assert [(pair["first"], pair["second"]) for pair in written["comparisons"]] == [
        ("lrp", "random"),
        ("lrp", "gradient"),
    ]
    for pair in written["comparisons"]:
        expected = compare(ROWS[pair["first"]], ROWS[pair["second"]], BETTER, seed=4)
        assert {name: score["difference"] for name, score in pair["scores"].items()} == {
            name: score.difference for name, score in expected.items()
        }
        assert [score["p"] for score in pair["scores"].values()] == [score.p for score in expected.values()]


def test_all_tests_are_corrected_together(tmp_path: Path) -> None:
    written, markdown = report(tmp_path, "lrp", "random", "gradient")
    scores = [score for pair in written["comparisons"] for score in pair["scores"].values()]
    assert [score["holm_p"] for score in scores] == holm([score["p"] for score in scores])
    assert "corrected by Holm for the 4 tests made here" in markdown


def test_markdown_has_the_numbers(tmp_path: Path) -> None:
    written, markdown = report(tmp_path, "lrp", "gradient")
    score = written["comparisons"][0]["scores"]["deletion"]
    low, high = score["difference"]["interval"]
    assert "## lrp (first) against gradient (second)" in markdown
    assert "|  | first | second | difference [95 % interval] | p (Holm) | first better |" in markdown
    (line,) = re.findall(r"^\| deletion ↓ \| (.*) \|$", markdown, re.M)
    assert line.split(" | ") == [
        f"{score['first']['mean']:.4f} ± {score['first']['std']:.4f}",
        "0.2500 ± 0.0000",
        f"{score['difference']['mean']:+.4f} [{low:.4f}, {high:.4f}]",
        f"{score['p']:.2g} ({score['holm_p']:.2g})",
        f"{100 * score['first_better']:.0f} %",
    ]
    assert "9 images; digits, resnet20, insertion_deletion, strict;" in markdown


def markdown_line(first: list[float], second: list[float], folder: Path, better: str) -> list[str]:
    """The cells of a run's only score."""
    folders = [leave_run(folder / n, rows(v), better={"insertion": better}) for n, v in [("a", first), ("b", second)]]
    compare_runs(read_runs(folders), seed=0, folder=folder)
    (line,) = re.findall(r"^\| (insertion.*) \|$", (folder / "comparison.md").read_text(encoding="utf-8"), re.M)
    return line.split(" | ")


NAN = float("nan")


@pytest.mark.parametrize(
    ("first", "second", "better", "cells"),
    [
        ([0.5, 0.5], [0.5, 0.5], "higher", ["insertion ↑", "+0.0000 [0.0000, 0.0000]", "1 (1)", "0 % (100 % equal)"]),
        ([0.5, NAN], [0.25, 0.25], "lower", ["insertion ↓", "+0.2500", "1 (1)", "0 % (50 % undefined)"]),
        ([NAN, NAN], [0.25, 0.25], "higher", ["insertion ↑", "–", "1 (1)", "– (100 % undefined)"]),
        ([2e-7, 4e-7], [1e-7, 3e-7], "neither", ["insertion", "+1e-07 [1e-07, 1e-07]", "0.5 (0.5)", "–"]),
    ],
)
def test_cells(first: list[float], second: list[float], better: str, cells: list[str], tmp_path: Path) -> None:
    name, _, _, *others = markdown_line(first, second, tmp_path, better)
    assert [name, *others] == cells


def test_real_script(tmp_path: Path) -> None:
    """The tables are whole in 80 columns, and say where the runs' devices differ."""
    lrp = leave_run(tmp_path / "lrp", ROWS["lrp"], device="H200")
    (random,) = leave_runs(tmp_path, "random", device="cpu")
    output = script("compare", f"runs=[{lrp.name},{random.name}]", cwd=tmp_path)
    folder = only(tmp_path, "outputs/compare/*")
    written = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert "first: lrp\nsecond: random" in re.sub(r" *\n *", "\n", output)
    assert "device differs: lrp H200; random cpu" in output
    assert f"{folder.relative_to(tmp_path)}/comparison.md" in output
    insertion = written["comparisons"][0]["scores"]["insertion"]
    assert f"│ {insertion['difference']['mean']:+.4f} " in output
    assert f"[{', '.join(f'{bound:.4f}' for bound in insertion['difference']['interval'])}]" in output
    assert written["runs"][0] == {"name": "lrp", "folder": "lrp", "git_commit": None, "device": "H200"}


def test_refusal_is_one_line_without_slow_imports(tmp_path: Path) -> None:
    probe = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 1\n"
        "assert not {'torch', 'scipy', 'lightning', 'matplotlib', 'wandb'} & set(sys.modules), 'slow imports'"
    )
    error = run(sys.executable, "-c", probe, str(SCRIPTS / "compare.py"), "runs=[a,b]", cwd=tmp_path)
    assert error == "error: there is no folder a; give the folder of a run of visualize.py\n"
