import os
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker() -> None:
    """pytest-xdist runs one worker per core; more threads than that only fight for them."""
    torch.set_num_threads(1)


@pytest.fixture
def data_dir() -> Path:
    """The folder of the real data sets; tests that ask for it carry the mark `data`."""
    return _folder("RELPROP_DATA")


@pytest.fixture
def weights_dir() -> Path:
    """The folder of the trained weights; tests that ask for it carry the mark `weights`."""
    return _folder("RELPROP_WEIGHTS")


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explaining draws empty pictures: the real ones take most of the time of a short run."""

    def blank(*_: object, **__: object) -> Figure:
        return Figure(figsize=(1, 1), dpi=10)

    report = "relprop.callbacks.report"
    monkeypatch.setattr(f"{report}.contact_sheet", blank)
    monkeypatch.setattr(f"{report}.perturbed_sheet", blank)
    from relprop.callbacks.report import PICTURES

    blanks = {name: (column, blank) for name, (column, _) in PICTURES.items()}
    monkeypatch.setattr(f"{report}.PICTURES", blanks)


def _folder(variable: str) -> Path:
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])
