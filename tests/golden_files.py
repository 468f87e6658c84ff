"""What the golden tests read: the folder RELPROP_GOLDEN, else tests/golden. Its README says what each file holds."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

FOLDER = Path(os.environ.get("RELPROP_GOLDEN") or Path(__file__).parent / "golden")


@cache
def tensors(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f"{name}.safetensors")


def keys(name: str) -> list[str]:
    with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        return sorted(file.keys())


def network(name: str) -> nn.Module:
    return _networks().load(name)


@cache
def _networks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_models", FOLDER / "models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative_error(result: Tensor, expected: Tensor) -> float:
    """The largest relative L2 error of any image."""
    difference = torch.linalg.vector_norm((result - expected).flatten(1), dim=1)
    return (difference / torch.linalg.vector_norm(expected.flatten(1), dim=1)).max().item()
