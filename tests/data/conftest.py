import os
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])


@pytest.fixture
def data_dir() -> Path:
    """The folder of unpacked data sets, for tests marked `data`."""
    return _folder("RELPROP_DATA")


@pytest.fixture
def weights_dir() -> Path:
    """The folder of trained weights, for tests marked `weights`."""
    return _folder("RELPROP_WEIGHTS")
