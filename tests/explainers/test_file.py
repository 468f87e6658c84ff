"""Maps from files: every form and type, both shapes, and what is refused, with its name."""

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.file import File

MODEL = nn.Identity()
IMAGES = torch.zeros(3, 3, 5, 4)
INDICES = torch.tensor([7, 0, 12])
SHAPES = ((5, 4), (3, 5, 4))
TOTAL = 13


def maps(shape: tuple[int, ...]) -> np.ndarray:
    """A map for each of the first indices."""
    return np.random.default_rng(0).normal(size=(TOTAL, *shape)).astype(np.float32)


def folder(path: Path, values: np.ndarray, ending: str, name: Callable[[int], str] = str) -> Path:
    path.mkdir()
    for index, value in enumerate(values):
        file = path / f"{name(index)}{ending}"
        if ending == ".npy":
            np.save(file, value)
        elif ending == ".npz":
            np.savez(file, whatever=value)
        else:
            save_file({"map": torch.from_numpy(value.copy())}, file)
    return path


def padded(index: int) -> str:
    return f"{index:06d}"


def as_npz(path: Path, values: np.ndarray) -> Path:
    np.savez_compressed(path, **{padded(index): value for index, value in enumerate(values)})
    return path


def as_safetensors(path: Path, values: np.ndarray) -> Path:
    save_file({str(index): torch.from_numpy(value.copy()) for index, value in enumerate(values)}, path)
    return path


def as_npy(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


FORMS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "folder of npy": lambda tmp, values: folder(tmp / "maps", values, ".npy", padded),
    "folder of npz": lambda tmp, values: folder(tmp / "maps", values, ".npz"),
    "folder of safetensors": lambda tmp, values: folder(tmp / "maps", values, ".safetensors", lambda i: f"{i:03d}"),
    "npz": lambda tmp, values: as_npz(tmp / "maps.npz", values),
    "safetensors": lambda tmp, values: as_safetensors(tmp / "maps.safetensors", values),
    "npy": lambda tmp, values: as_npy(tmp / "maps.npy", values),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_maps_with_these_indices(form: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    values = maps(shape)
    explainer = File(MODEL, FORMS[form](tmp_path, values))
    expected = torch.from_numpy(values[INDICES.numpy()])
    result = explainer(IMAGES, 1, INDICES)
    assert result.shape == IMAGES.shape and result.dtype == torch.float32
    torch.testing.assert_close(result if len(shape) == 3 else result.sum(1), expected)
    if len(shape) == 2:
        assert torch.equal(result[:, 0], result[:, 2])
    singly = torch.cat([explainer(IMAGES[i : i + 1], indices=INDICES[i : i + 1]) for i in range(3)])
    assert torch.equal(singly, result)
    assert torch.equal(File(MODEL, explainer.maps.path, positive=True)(IMAGES, indices=INDICES), result.clamp(min=0))
    with torch.inference_mode():
        inside = explainer(IMAGES.clone(), indices=INDICES.clone())
    assert torch.equal(inside, result) and not inside.is_inference()
    again = pickle.loads(pickle.dumps(explainer))
    assert torch.equal(again(IMAGES, indices=INDICES.int()), result)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ">f4", np.int64, np.uint8, np.uint16, bool])
def test_numbers_of_every_type_are_taken(dtype: Any, tmp_path: Path) -> None:
    values = (maps((5, 4)) * 10).astype(dtype)
    result = File(MODEL, as_npy(tmp_path / "maps.npy", values))(IMAGES, indices=INDICES).sum(1)
    torch.testing.assert_close(result, torch.from_numpy(values[INDICES.numpy()].astype(np.float32)))


def test_bfloat16_is_taken_from_safetensors(tmp_path: Path) -> None:
    value = torch.randn(5, 4).bfloat16()
    save_file({"0": value}, tmp_path / "maps.safetensors")
    result = File(MODEL, tmp_path / "maps.safetensors")(IMAGES[:1], indices=torch.tensor([0]))
    torch.testing.assert_close(result[0].sum(0), value.float())


def test_other_files_of_a_folder_do_not_count(tmp_path: Path) -> None:
    path = folder(tmp_path / "maps", maps((5, 4)), ".npy")
    for other in ("README.md", ".DS_Store", "config.yaml"):
        (path / other).write_text("about the maps")
    assert File(MODEL, str(path))(IMAGES, indices=INDICES).isfinite().all()


def test_of_a_large_stack_only_the_rows_asked_for_are_read(tmp_path: Path) -> None:
    stack = np.lib.format.open_memmap(tmp_path / "maps.npy", "w+", np.float32, (500_000, 5, 4))  # sparse on disk
    stack[499_999] = 1
    stack.flush()
    del stack
    explainer = File(MODEL, tmp_path / "maps.npy")
    tracemalloc.start()
    result = explainer(IMAGES[:1], indices=torch.tensor([499_999]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    torch.testing.assert_close(result.sum(1), torch.ones(1, 5, 4))
    assert peak < 1e6 < 500_000 * 20


def refused(message: str, path: Path | str | None, indices: Any = INDICES, images: Tensor = IMAGES) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        File(MODEL, path)(images, 0, indices)
    assert "\n" not in str(refusal.value)


def test_no_path_no_index_no_maps(tmp_path: Path) -> None:
    path = as_npy(tmp_path / "maps.npy", maps((5, 4)))
    refused("method=file needs the maps; say method.path=FOLDER or method.path=FILE", None)
    refused("none were given: give explainer", path, None)
    with pytest.raises(UserError, match="none were given"):
        File(MODEL, path).explain(IMAGES, INDICES)
    refused("there are no maps .*nope; give a folder", tmp_path / "nope")
    refused(r"whole numbers \(LongTensor\), not torch.float32", path, INDICES.float())
    refused(r"whole numbers \(LongTensor\), not list", path, [1, 2, 3])
    refused(r"whole numbers \(LongTensor\), not torch.bool", path, INDICES > 3)
    refused(r"at least 0 for each of the 3 images, not \[1, 2\]", path, torch.tensor([1, 2]))
    refused(r"at least 0 for each of the 3 images, not \[0, -1, 2\]", path, torch.tensor([0, -1, 2]))
    refused("images is an empty batch", path, INDICES[:0], IMAGES[:0])


@pytest.mark.parametrize("form", FORMS)
def test_an_index_without_a_map_is_named(form: str, tmp_path: Path) -> None:
    refused("has 13 maps, and none for the image with index 13", FORMS[form](tmp_path, maps((5, 4))), INDICES + 1)


@pytest.mark.parametrize("form", FORMS)
def test_maps_of_another_size_or_not_finite_are_named(form: str, tmp_path: Path) -> None:
    values = maps((5, 4))
    values[12, 2, 2] = np.nan
    path = FORMS[form](tmp_path, values)
    refused("maps.*: the map of the image with index 12 has NaN or infinite values", path)
    size = r"index 7 is \(5, 4\); for images \(3, 4, 5\) it must be \(4, 5\) or \(3, 4, 5\)"
    refused(size, path, images=torch.zeros(3, 3, 4, 5))
    (tmp_path / "channels").mkdir()
    refused(r"index 7 is \(1, 5, 4\)", FORMS[form](tmp_path / "channels", maps((1, 5, 4))))


def test_numbers_beyond_float32_are_not_finite(tmp_path: Path) -> None:
    path = as_npy(tmp_path / "maps.npy", np.full((13, 5, 4), 1e300))
    refused("index 7 has NaN or infinite values", path)


@pytest.mark.parametrize("form", ["npy", "npz", "folder of npy"])
@pytest.mark.parametrize(("dtype", "what"), [(complex, "complex128"), ("U3", "<U3"), (object, "Python objects|pickle")])
def test_what_is_no_number_is_refused(form: str, dtype: Any, what: str, tmp_path: Path) -> None:
    refused(what, FORMS[form](tmp_path, maps((5, 4)).astype(dtype)))


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".safetensors"])
def test_pickles_are_not_opened(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"maps{ending}"
    path.write_bytes(pickle.dumps(Malicious(tmp_path / "ran")))
    refused("cannot be read", path)
    (tmp_path / "folder").mkdir()
    path.rename(tmp_path / "folder" / f"7{ending}")
    refused("cannot be read", tmp_path / "folder", INDICES[:1], IMAGES[:1])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
def test_damaged_files_are_refused(form: str, tmp_path: Path) -> None:
    """Cut anywhere, or with other bytes in the middle: a refusal or, where only numbers changed, an answer."""
    path = FORMS[form](tmp_path, maps((5, 4)))
    file = path if path.is_file() else next(file for file in path.iterdir() if file.stem.lstrip("0") == "7")
    whole, messages = file.read_bytes(), []
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        cut = int(share * len(whole))
        for damaged in (whole[:cut], whole[:cut] + b"\xff\x00{" * 8 + whole[cut + 24 :]):
            file.write_bytes(damaged)
            try:
                File(MODEL, path)(IMAGES, 0, INDICES)
            except UserError as refusal:
                messages.append(str(refusal))
    assert len(messages) >= 5
    assert all(path.name in message for message in messages)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("7.npy", "000007.npz"), "two maps for index 7: 000007.npz and 7.npy; remove one"),
        (("7.npy", "7.safetensors"), "two maps for index 7"),
        (("7.npy", "8.png"), r"8\.png ends in '\.png'; maps end in one of: \.npy, \.npz, \.safetensors"),
        (("7.npy", "8"), "8 ends in ''"),
        (("7.npy", "cat.npy"), "'cat.npy' is no index; maps are named by their image's, such as 17 or 000017"),
        (("-7.npy",), "'-7.npy' is no index"),
        (("README.md",), "holds no maps; give a folder of INDEX.npy"),
    ],
)
def test_names_in_a_folder_that_say_no_index_or_the_same_twice(names: Any, message: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    refused(message, tmp_path)


def test_names_of_entries_that_say_no_index_or_the_same_twice(tmp_path: Path) -> None:
    for entries, message in (
        (("7", "007"), "two maps for index 7: 7 and 007; remove one"),
        (("7", "cat"), "'cat' is no index"),
        ((), "holds no maps"),
    ):
        np.savez(tmp_path / "maps.npz", **{name: maps((5, 4))[0] for name in entries})
        refused(message, tmp_path / "maps.npz")
        save_file({name: torch.zeros(5, 4) for name in entries}, tmp_path / "maps.safetensors")
        refused(message.replace("7 and 007", "(007 and 7|7 and 007)"), tmp_path / "maps.safetensors")


def test_files_that_are_no_maps_by_their_form(tmp_path: Path) -> None:
    (tmp_path / "maps.pt").touch()
    refused(r"maps\.pt ends in '\.pt'; maps end in one of", tmp_path / "maps.pt")
    refused(
        r"has the shape \(5, 4\); a stack of maps is \(M, H, W\) or \(M, C, H, W\)",
        as_npy(tmp_path / "one.npy", maps((5, 4))[0]),
    )
    with (tmp_path / "other.npy").open("wb") as file:
        np.savez(file, **{"7": maps((5, 4))[7]})
    refused("other.npy cannot be read", tmp_path / "other.npy")
    with (tmp_path / "other.npz").open("wb") as file:
        np.save(file, maps((5, 4)))
    refused("it is an .npy file with another ending", tmp_path / "other.npz")
    (tmp_path / "several").mkdir()
    np.savez(tmp_path / "several" / "7.npz", first=maps((5, 4))[0], second=maps((5, 4))[1])
    refused(r"7\.npz has 2 entries; a file in a folder of maps has one", tmp_path / "several", INDICES[:1], IMAGES[:1])
