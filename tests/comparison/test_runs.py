import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from relprop.comparison.runs import read_runs
from relprop.errors import UserError
from tests.comparison.results import leave_run, rows, settings

SAME = rows([0.1, 0.2])
LRP = {"name": "lrp", "composite": "zplus", "skip": "latest"}


def refusal(folders: Any) -> str:
    with pytest.raises(UserError) as refused:
        read_runs(folders)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def names(folder: Path, *choices: dict[str, Any]) -> list[str]:
    """Of runs that differ in these keys of the config."""
    folders = [leave_run(folder / f"run{i}", SAME, settings(**choice)) for i, choice in enumerate(choices)]
    return [run.name for run in read_runs(folders)]


def test_what_a_run_holds(tmp_path: Path) -> None:
    folders = [leave_run(tmp_path / name, SAME, device="cpu") for name in "ab"]
    first, second = read_runs([str(folder) for folder in folders])
    assert (first.folder, second.folder) == (tmp_path / "a", tmp_path / "b")
    assert first.rows == SAME
    assert first.better == {"insertion": "higher", "deletion": "lower"}
    assert (first.settings["method.skip"], first.summary["device"]) == ("latest", "cpu")


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([{"method": LRP}, {"method": {"name": "random"}}], ["lrp", "random"]),
        ([{"method": LRP}, {"method": {**LRP, "skip": "gamma"}}], ["lrp skip=latest", "lrp skip=gamma"]),
        (
            [{"method": LRP}, {"method": {**LRP, "skip": "gamma"}}, {"method": {"name": "random"}}],
            ["lrp skip=latest", "lrp skip=gamma", "random"],
        ),
        ([{}, {"reduction": "max"}], ["lrp reduction=sum", "lrp reduction=max"]),
        ([{"seed": 1}, {"method": {"name": "random"}}], ["lrp seed=1", "random seed=0"]),
        (
            [{"postprocess": {"quantize": {"levels": 8}}}, {"postprocess": {"quantize": {"levels": 4}}}],
            ["lrp postprocess.quantize.levels=8", "lrp postprocess.quantize.levels=4"],
        ),
        ([{"postprocess": {"quantize": {"levels": 8}}}, {}], ["lrp postprocess.quantize.levels=8", "lrp"]),
        ([{}, {}], ["lrp (run0)", "lrp (run1)"]),
    ],
)
def test_names_say_what_differs(choices: list[dict[str, Any]], expected: list[str], tmp_path: Path) -> None:
    assert names(tmp_path, *choices) == expected


@pytest.mark.parametrize("runs", [None, 3, "a", [], ["a"]])
def test_two_runs_are_needed(runs: Any) -> None:
    message = refusal(runs)
    assert "is not valid; name the folders of two or more finished runs: runs=[outputs/visualize/A,outp" in message


def test_same_folder_twice(tmp_path: Path) -> None:
    folder = leave_run(tmp_path / "a", SAME)
    assert "a twice; name each run once" in refusal([folder, tmp_path / "b" / ".." / "a"])


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("", "there is no folder {}; give the folder of a run of visualize.py"),
        ("results.jsonl", "{} has no results.jsonl; give the folder of a run of visualize.py"),
        ("summary.json", "{} has no summary.json: that run has not finished; start its command again"),
        ("config.yaml", "{}/config.yaml is missing or names no method"),
    ],
)
def test_missing_files(missing: str, message: str, tmp_path: Path) -> None:
    good, bad = leave_run(tmp_path / "good", SAME), leave_run(tmp_path / "bad", SAME)
    if missing:
        (bad / missing).unlink()
    else:
        shutil.rmtree(bad)
    assert refusal([good, bad]).startswith(message.format(bad))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("results.jsonl", '{"index": 1, "target": 2}\n{"index": 2, "tar', "line 2 is damaged (Unterminated string"),
        ("results.jsonl", '{"index": 1, "target": 2}\n[3]\n', "line 2 has no index and no target; start"),
        ("results.jsonl", '{"target": 2}\n', "results.jsonl, line 1 has no index; start that run's command again"),
        ("results.jsonl", "\0\0\n", "results.jsonl, line 1 is damaged"),
        ("results.jsonl", '{"index": 1, "target": 2}\n', "has 1 rows where summary.json counts 2; start its command"),
        ("summary.json", "{", "summary.json is damaged"),
        ("summary.json", '{"n": 2}', "summary.json has no better; start that run's command again"),
        ("config.yaml", "", "config.yaml is missing or names no method"),
    ],
)
def test_damaged_files(name: str, content: str, message: str, tmp_path: Path) -> None:
    good, bad = leave_run(tmp_path / "good", SAME), leave_run(tmp_path / "bad", SAME)
    (bad / name).write_text(content, encoding="utf-8")
    assert re.search(f"bad.*{re.escape(message)}", refusal([good, bad]))


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"dataset": {"name": "cifar10"}}, "dataset.name=digits against cifar10"),
    ({"model": {"name": "vgg11"}}, "model.name=resnet20 against vgg11"),
    ({"target": "label"}, "target=predicted against label"),
    (
        {"protocol": {"name": "otsuki2024", "step": None}},
        "protocol.name=strict against otsuki2024; compare runs that differ in the method only",
    ),
    ({"metric": {"name": "insertion_deletion", "protocol": "strict", "step": 7}}, "metric.step=null against 7"),
    ({"metric": {"name": "complexity", "resize": False}}, "metric.resize=null against False"),
    (
        {"metric": {"name": "a", "protocol": "b", "step": 1}, "target": "label"},
        "metric.name=insertion_deletion against a; metric.protocol=strict against b; metric.step=null against 1; "
        "and 1 more; compare",
    ),
]


@pytest.mark.parametrize(("changes", "message"), OTHERS)
def test_other_measures_are_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    folders = [leave_run(tmp_path / "a", SAME), leave_run(tmp_path / "b", SAME)]
    folders.append(leave_run(tmp_path / "c", SAME, settings(**changes)))
    assert read_runs(folders[:2])
    refused = refusal(folders)
    assert f"{folders[0]} and {folders[2]} measured different things: " in refused
    assert message in refused


def test_other_scores_are_named(tmp_path: Path) -> None:
    folders = [leave_run(tmp_path / "a", SAME), leave_run(tmp_path / "b", SAME, better={"id": "higher"})]
    assert "different things: scores insertion, deletion against id" in refusal(folders)


def test_how_many_images_go_at_once_is_no_matter(tmp_path: Path) -> None:
    metric = {"name": "insertion_deletion", "protocol": "strict", "step": None, "batch_size": 1}
    assert names(tmp_path, {}, {"metric": metric, "dataset": {"name": "digits", "data_dir": "/data"}})
