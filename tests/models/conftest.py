import os
from pathlib import Path

import pytest


@pytest.fixture
def weights_dir() -> Path:
    """The folder of trained weights, for tests marked `weights`."""
    if "RELPROP_WEIGHTS" not in os.environ:
        pytest.skip("RELPROP_WEIGHTS is not set")
    return Path(os.environ["RELPROP_WEIGHTS"])
