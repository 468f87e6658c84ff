from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger

from relprop.errors import UserError
from relprop.loggers import LOGGERS, build_logger, close

KINDS = {"wandb": (WandbLogger, {"project": "relprop"}), "csv": (CSVLogger, {}), "tensorboard": (TensorBoardLogger, {})}


@pytest.fixture
def no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user who has never logged in to W&B."""
    for variable in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return monkeypatch


def started(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """The mode in which W&B would start a run here."""
    import os

    monkeypatch.setattr("wandb.init", lambda **_: os.environ["WANDB_MODE"])
    monkeypatch.setattr("relprop.loggers.WandbLogger", lambda experiment: experiment)
    return build_logger("wandb", folder, project="relprop")


@pytest.mark.parametrize("name", [name for name in LOGGERS if name != "wandb"])
def test_writes_into_the_run_folder(name: str, tmp_path: Path) -> None:
    kind, options = KINDS[name]
    logger = build_logger(name, tmp_path, **options)
    assert isinstance(logger, kind)
    logger.log_metrics({"value": 0.5}, step=1)
    close([logger])
    assert any((tmp_path / name).iterdir())


def test_wandb_is_offline_without_an_api_key(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert started(no_key, tmp_path) == "offline"


def test_wandb_is_online_with_an_api_key(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_key.setenv("WANDB_API_KEY", "0" * 40)
    assert started(no_key, tmp_path) == "online"


def test_wandb_is_online_after_a_login(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password key\n")
    netrc.chmod(0o600)
    assert started(no_key, tmp_path) == "online"


def test_the_users_own_mode_wins(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_key.setenv("WANDB_MODE", "disabled")
    assert started(no_key, tmp_path) == "disabled"


def test_unknown_logger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="logger=nope is unknown; choose one of: wandb, csv, tensorboard"):
        build_logger("nope", tmp_path)
