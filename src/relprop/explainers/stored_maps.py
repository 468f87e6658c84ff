"""Maps in .npy, .npz and .safetensors files by the index of their image: each is read when it is asked for.

Nothing that could run code is loaded, and of a large file only what is asked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from relprop.errors import UserError

ENDINGS = (".npy", ".npz", ".safetensors")
_FORMS = (
    "give a folder of INDEX.npy, INDEX.npz or INDEX.safetensors, one .npz or .safetensors whose entries are named by "
    "index, or one .npy with a row for each index"
)


class StoredMaps(ABC):
    """Maps below `path`, by index."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def read(self, indices: Sequence[int]) -> list[Tensor]:
        """The maps with these indices, float32, of whatever shape. Raises `UserError` for one that there is not."""


def open_maps(path: Path) -> StoredMaps:
    """The maps of a folder or file. Raises `UserError` for whatever is no such thing, or has two maps for one index."""
    if path.is_dir():
        return _Folder(path)
    if not path.is_file():
        raise UserError(f"there are no maps {path}; {_FORMS}")
    if path.suffix not in ENDINGS:
        raise UserError(f"{path} ends in '{path.suffix}'; maps end in one of: {', '.join(ENDINGS)}; {_FORMS}")
    return _Rows(path) if path.suffix == ".npy" else _Entries(path)


class _Folder(StoredMaps):
    """A file for each index. Files whose names neither are numbers nor end like maps do not count."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        files = [file for file in sorted(path.iterdir()) if _is_index(file.stem) or file.suffix in ENDINGS]
        for file in files:
            if file.suffix not in ENDINGS:
                raise UserError(f"{file} ends in '{file.suffix}'; maps end in one of: {', '.join(ENDINGS)}")
        self._files = {index: path / name for index, name in _by_index(path, [file.name for file in files]).items()}

    def read(self, indices: Sequence[int]) -> list[Tensor]:
        return [_read_one(_found(self.path, self._files, index)) for index in indices]


class _Entries(StoredMaps):
    """An entry for each index."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _archive(path) as archive:
            self._names = _by_index(path, archive.keys())

    def read(self, indices: Sequence[int]) -> list[Tensor]:
        names = [_found(self.path, self._names, index) for index in indices]
        with _archive(self.path) as archive:
            return [_float32(archive[name], f"{self.path}: entry '{name}'") for name in names]


class _Rows(StoredMaps):
    """A row for each index, mapped into memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        shape = _memory_map(path).shape
        if len(shape) not in (3, 4):
            raise UserError(f"{path} has the shape {shape}; a stack of maps is (M, H, W) or (M, C, H, W)")

    def read(self, indices: Sequence[int]) -> list[Tensor]:
        stack = _memory_map(self.path)
        for index in indices:
            if index >= len(stack):
                raise UserError(f"{self.path} has {len(stack)} maps, and none for the image with index {index}")
        return [_float32(stack[index], f"{self.path}: row {index}") for index in indices]


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _by_index(path: Path, names: Iterable[str]) -> dict[int, str]:
    """Names by the number in front of the ending."""
    found: dict[int, str] = {}
    for name in names:
        stem = Path(name).stem if Path(name).suffix in ENDINGS else name
        if not _is_index(stem):
            raise UserError(f"{path}: '{name}' is no index; maps are named by their image's, such as 17 or 000017")
        if int(stem) in found:
            raise UserError(f"{path} has two maps for index {int(stem)}: {found[int(stem)]} and {name}; remove one")
        found[int(stem)] = name
    if not found:
        raise UserError(f"{path} holds no maps; {_FORMS}")
    return found


def _found(path: Path, maps: Mapping[int, Any], index: int) -> Any:
    if index not in maps:
        raise UserError(f"{path} has {len(maps)} maps, and none for the image with index {index}")
    return maps[index]


def _read_one(file: Path) -> Tensor:
    """The only map in a file."""
    if file.suffix == ".npy":
        return _float32(_memory_map(file), str(file))
    with _archive(file) as archive:
        names = list(archive.keys())
        if len(names) != 1:
            raise UserError(f"{file} has {len(names)} entries; a file in a folder of maps has one")
        return _float32(archive[names[0]], str(file))


def _memory_map(file: Path) -> Any:
    with _readable(file):
        return np.lib.format.open_memmap(file, mode="r")


@contextmanager
def _archive(file: Path) -> Iterator[Any]:
    """A file of several arrays: `keys()`, and each read when it is asked for."""
    with _readable(file):
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as tensors:
                yield _Tensors(tensors)
        else:
            with file.open("rb") as stream:  # numpy leaves it open where the archive is damaged
                archive = np.load(stream, allow_pickle=False)
                if isinstance(archive, np.ndarray):
                    raise ValueError("it is an .npy file with another ending")
                yield archive


class _Tensors:
    """An open safetensors file, spoken to like an .npz."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def keys(self) -> list[str]:
        return list(self._file.keys())

    def __getitem__(self, name: str) -> Tensor:
        tensor: Tensor = self._file.get_tensor(name)
        return tensor


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # damaged bytes make numpy raise nearly anything
        reason = str(error).partition("\n")[0]
        raise UserError(f"{file} cannot be read ({reason}); write numbers with numpy.save or safetensors") from error


def _float32(values: Any, where: str) -> Tensor:
    """Real numbers of any type as float32."""
    if isinstance(values, Tensor) and not values.is_complex():
        return values.float()
    if isinstance(values, Tensor) or values.dtype.kind not in "fiub":
        raise UserError(f"{where} holds {values.dtype} values; a map is made of real numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is refused with its index
        return torch.from_numpy(np.array(values, dtype=np.float32))
