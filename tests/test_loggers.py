import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb
import yaml
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from relprop.callbacks.loggers import log_figure, log_summary, log_table
from relprop.enduring import EnduringLogger
from relprop.errors import UserError
from relprop.loggers import LOGGERS, build_logger, close, log_config
from tests.configs import CONF

KINDS = {"wandb": (WandbLogger, {"project": "relprop"}), "csv": (CSVLogger, {}), "tensorboard": (TensorBoardLogger, {})}
NOWHERE = "http://127.0.0.1:9"  # a port that nobody listens to
ROOM = 65536


@pytest.fixture
def no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user who has never logged in to W&B; the environment is put back afterwards."""
    monkeypatch.setenv("WANDB_MODE", "")
    for variable in ("WANDB_API_KEY", "WANDB_MODE", "NETRC", "WANDB_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return monkeypatch


@pytest.fixture
def offline(no_key: pytest.MonkeyPatch) -> Iterator[None]:
    """The real W&B, its process ended afterwards."""
    no_key.setenv("WANDB_MODE", "offline")
    yield
    wandb.teardown()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with `ROOM` bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = os.geteuid() == 0 and sys.platform == "linux"
    if (
        not made
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", folder], check=False).returncode
    ):
        pytest.skip("only root on Linux can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "fill").write_bytes(b"\0" * 2 * ROOM)


def log_everything(logger: EnduringLogger) -> None:
    """All that the package ever does with a logger."""
    log_config(logger, OmegaConf.create({"seed": 3}), {"git_commit": "abc"})
    for step in range(1, 200):  # more than fits into the rest of a block
        logger.log_metrics({"loss": 1 / step}, step=step)
    log_figure(logger, "picture", Figure(figsize=(1, 1)))
    log_table(logger, "table", ["column"], [["cell"]])
    log_summary(logger, {"accuracy": 0.75})
    logger.save()
    close([logger])


def kept(folder: Path) -> str:
    return (folder / "csv" / "metrics.csv").read_text()


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name.startswith("relprop")]
    return [record.message for record in ours if record.levelno >= logging.WARNING]


def started(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """The mode in which W&B would start a run here."""
    monkeypatch.setattr("wandb.init", lambda **_: SimpleNamespace(dir=""))
    build_logger("wandb", folder, project="relprop")
    return os.environ["WANDB_MODE"]


@pytest.mark.parametrize("name", LOGGERS)
@pytest.mark.usefixtures("offline")
def test_writes_into_the_run_folder(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kind, options = KINDS[name]
    logger = build_logger(name, tmp_path, **options)
    assert [type(taker) for taker in logger.takers] == [kind]
    assert (logger.name, logger.version, logger.save_dir) == (name, tmp_path.name, str(tmp_path))
    log_everything(logger)
    assert any((tmp_path / name).iterdir())
    assert complaints(caplog) == []
    assert name == "csv" or not (tmp_path / "csv").exists()


def run_file(folder: Path) -> bytes:
    """What W&B keeps of an offline run, and would upload; names stand in it as they are."""
    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    return file.read_bytes()


@pytest.mark.usefixtures("offline")
def test_wandb_runs_have_names_and_groups(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of several in one process each has its own; a name may look like a number."""
    asked = {
        "plain": {},
        "named": {"project": "mine", "group": "otsuki2024_table1", "run_name": "lrp, strict"},
        "numbers": {"group": 2024, "run_name": 1.5},
    }
    said = {"plain": ("relprop", "", "plain"), "named": ("mine", "otsuki2024_table1", "lrp, strict")}
    said["numbers"] = ("relprop", "2024", "1.5")
    for folder, options in asked.items():
        (tmp_path / folder).mkdir()
        logger = build_logger("wandb", tmp_path / folder, **{"project": "relprop", **options})
        run = logger.takers[0].experiment
        assert (run.project, run.group or "", run.name) == said[folder]
        log_everything(logger)
        written = run_file(tmp_path / folder)
        assert all(name.encode() in written for name in said[folder])
        assert (b"otsuki2024_table1" in written) == (folder == "named")
    assert complaints(caplog) == []


def test_wandb_options_are_those_of_its_yaml(tmp_path: Path) -> None:
    options = {key: value for key, value in OmegaConf.load(CONF / "logger" / "wandb.yaml").items() if key != "name"}
    assert options == {"project": "relprop", "group": None, "run_name": None}
    with pytest.raises(UserError, match="logger=wandb has no option 'grup'; it takes: project, group, run_name"):
        build_logger("wandb", tmp_path, **options, grup="x")


@pytest.mark.parametrize(
    ("variable", "value", "mode"),
    [("WANDB_PROJECT", "x", "offline"), ("WANDB_API_KEY", "0" * 40, "online"), ("WANDB_MODE", "disabled", "disabled")],
)
def test_wandb_is_online_with_an_api_key_or_as_asked(variable: str, value: str, mode: str, no_key, tmp_path) -> None:
    no_key.setenv(variable, value)
    assert started(no_key, tmp_path) == mode


def test_wandb_is_online_after_a_login(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password key\n")
    netrc.chmod(0o600)
    assert started(no_key, tmp_path) == "online"


def test_unknown_logger_and_option_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="logger=nope is unknown; choose one of: wandb, csv, tensorboard"):
        build_logger("nope", tmp_path)
    with pytest.raises(UserError, match="logger=csv has no option 'project'"):
        build_logger("csv", tmp_path, project="relprop")


def test_the_whole_config_is_logged(tmp_path: Path) -> None:
    config = OmegaConf.create({"seed": 7, "optimizer": {"name": "sgd", "lr": 0.1}, "again": "${seed}", "empty": {}})
    logger = build_logger("csv", tmp_path)
    log_config(logger, config, {"git_commit": "abc", "versions": {"torch": "2"}})
    close([logger])
    assert yaml.safe_load((tmp_path / "csv" / "hparams.yaml").read_text()) == {
        "seed": 7,
        "optimizer/name": "sgd",
        "optimizer/lr": 0.1,
        "again": 7,
        "empty": {},
        "git_commit": "abc",
        "versions/torch": "2",
    }


def test_out_of_reach_wandb_is_offline(no_key, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a key of the right length; a later run of the same process need not wait again."""
    for name, value in {"API_KEY": "a" * 40, "MODE": "online", "BASE_URL": NOWHERE, "INIT_TIMEOUT": "1"}.items():
        no_key.setenv(f"WANDB_{name}", value)
    wandb.teardown()  # else it goes by the variables of an earlier test
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        log_everything(build_logger("wandb", folder, project="relprop"))
        (run,) = (folder / "wandb").glob("offline-run-*/*.wandb")
        assert run.stat().st_size > 0
        assert not (folder / "csv").exists()
    (complaint,) = complaints(caplog)
    assert complaint.startswith("W&B cannot be reached (CommError: ")
    assert f"wandb sync {tmp_path}/first/wandb/*" in complaint
    wandb.teardown()


@pytest.mark.usefixtures("offline")
def test_wandbs_process_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All from then on is in the CSV log, said once; the next run in this process is W&B's again."""
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
    logger = build_logger("wandb", tmp_path / "first", project="relprop")
    logger.log_metrics({"loss": 9.0}, step=0)
    processes = [each for each in gc.get_objects() if type(each) is subprocess.Popen and each.poll() is None]
    (core,) = [process for process in processes if "wandb-core" in str(process.args)]
    core.kill()
    core.wait()
    log_everything(logger)
    (complaint,) = complaints(caplog)
    assert "logger=wandb is in trouble" in complaint
    assert f"its log in {tmp_path}/first/csv" in complaint
    written = kept(tmp_path / "first")
    assert "0.5" in written and "0.25" in written and "0.75" in written
    assert {path.name for path in (tmp_path / "first" / "csv").iterdir()} >= {"picture.png", "table.csv"}
    second = build_logger("wandb", tmp_path / "second", project="relprop")
    assert isinstance(second.takers[0], WandbLogger)
    log_everything(second)
    assert len(complaints(caplog)) == 1


@pytest.mark.parametrize("begun", [False, True], ids=["from the start", "later"])
@pytest.mark.parametrize("name", LOGGERS)
@pytest.mark.usefixtures("offline")
@pytest.mark.filterwarnings("ignore:Experiment logs directory")  # what fills the disk is in it
def test_disk_is_full(name: str, begun: bool, small_disk: Path, tmp_path: Path, caplog, capfd) -> None:
    """A disk of the logger's own; what it does not take is in the CSV log beside."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(small_disk)
    if not begun:
        fill(small_disk)
    logger = build_logger(name, folder, **KINDS[name][1])
    if begun:
        logger.log_metrics({"loss": 9.0}, step=0)
        logger.save()
        fill(small_disk)
    log_everything(logger)
    (complaint,) = complaints(caplog)
    assert f"logger={name} is in trouble (OSError: [Errno 28] No space left on device" in complaint
    if name != "csv":
        steps = {line.split(",")[1] for line in kept(folder).splitlines()}
        assert "199" in steps and "0.75" in kept(folder)
        assert steps >= set(map(str, range(1, 199))) or begun
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("wrong", [None, SimpleNamespace()], ids=["not there", "broken"])
def test_wandb_cannot_be_imported(wrong, no_key, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    no_key.setitem(sys.modules, "wandb", wrong)
    logger = build_logger("wandb", tmp_path, project="relprop")
    log_everything(logger)
    (complaint,) = complaints(caplog)
    assert complaint.startswith("logger=wandb is in trouble (")
    assert "0.75" in kept(tmp_path)


def test_other_trouble_of_one_call_leaves_the_logger_in_use(tmp_path: Path, caplog) -> None:
    """Said once for each kind; the rest goes to both logs."""
    logger = build_logger("tensorboard", tmp_path)
    (taker,) = logger.takers

    def refuse() -> None:
        raise KeyError("no such tag")

    for step in range(2):
        logger.attempt(lambda each: refuse() if each is taker else None)
        logger.log_metrics({"loss": 0.5}, step=step)
    assert len(logger.takers) == 2
    assert complaints(caplog) == [
        f"logger=tensorboard is in trouble (KeyError: 'no such tag'); the run goes on, its log in {tmp_path}/csv"
    ]
    logger.save()
    assert kept(tmp_path).count("0.5") == 2
    close([logger])


def test_other_threads_still_say_what_ends_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    close([build_logger("tensorboard", tmp_path)])
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert [raised.exc_type for raised in heard] == [ZeroDivisionError]
