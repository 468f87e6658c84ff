"""Pictures of explained photographs, sorted by method, and what the repository keeps of them."""

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from relprop.errors import UserError
from relprop.experiment.gallery import gallery
from relprop.explainers import EXPLAINERS
from tests.configs import SCRIPTS, composed

QUAL = SCRIPTS.parent / "qual"
ORIGINALS = json.loads((QUAL / "originals" / "manifest.json").read_text(encoding="utf-8"))
OF_DIGITS, OF_NOTHING = {"attention_branch"}, {"file"}


def run_of(folder: Path, methods: tuple[str, ...], photos: tuple[str, ...]) -> Path:
    """What `visualize.py image=…` leaves behind."""
    pixels = Image.fromarray(load_sample_images().images[0])
    for photo in photos:
        (folder / photo).mkdir(parents=True)
        for name in (*methods, "panel"):
            pixels.save(folder / photo / f"{name}.png")
    rows = [{"file": f"/somewhere/{photo}.jpg", "folder": photo} for photo in photos]
    (folder / "summary.json").write_text(json.dumps({"photos": rows, "methods": {method: {} for method in methods}}))
    return folder


def test_pictures_are_sorted_by_method_and_small(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", ("lrp", "gradcam++"), ("cat", "dog"))
    gallery(composed("gallery", tmp_path, f"run={run}", f"folder={tmp_path / 'kept'}"))
    kept = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*.*")}
    pictures = {f"{folder}/{photo}.jpg" for folder in ("lrp", "gradcam++", "panels") for photo in ("cat", "dog")}
    assert kept == {*pictures, "manifest.json"}
    before, after = run / "cat" / "lrp.png", tmp_path / "kept" / "lrp" / "cat.jpg"
    with Image.open(after) as kept_one, Image.open(before) as drawn:
        assert kept_one.size == drawn.size
    assert after.stat().st_size < before.stat().st_size / 2
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert [row["file"] for row in manifest["photos"]] == ["cat.jpg", "dog.jpg"]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give run=FOLDER"):
        gallery(composed("gallery", tmp_path))
    with pytest.raises(UserError, match="holds no finished run"):
        gallery(composed("gallery", tmp_path, f"run={tmp_path}"))
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="is a run over test images"):
        gallery(composed("gallery", tmp_path, f"run={tmp_path}"))


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original["file"])
def test_originals_are_what_the_manifest_says_and_may_be_passed_on(original: dict[str, str]) -> None:
    content = (QUAL / "originals" / original["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == original["sha256"]
    assert original["licence"] in ("CC0 1.0", "public domain")
    assert original["author"]
    assert original["licence_url"].startswith("https://")


def test_every_original_has_a_manifest_entry() -> None:
    names = {path.name for path in (QUAL / "originals").iterdir()} - {"manifest.json"}
    assert names == {original["file"] for original in ORIGINALS}


@pytest.mark.parametrize("method", EXPLAINERS)
def test_every_method_has_its_folder(method: str) -> None:
    if method in OF_NOTHING:
        assert not (QUAL / method).exists()
    elif method in OF_DIGITS:
        assert (QUAL / method / "heatmaps.png").is_file()
    else:
        photos = {Path(original["file"]).stem for original in ORIGINALS}
        assert {path.stem for path in (QUAL / method).glob("*.jpg")} == photos


def test_pictures_are_of_a_clean_commit() -> None:
    for path in (QUAL / "manifest.json", QUAL / "attention_branch" / "summary.json"):
        assert "dirty" not in json.loads(path.read_text(encoding="utf-8"))["git_commit"]
