"""Edits of a copy of the package, and what imports mean in a small package written here."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from relprop.code_versions import closure_hash
from relprop.errors import UserError
from relprop.provenance import PACKAGE

RISE, LRP = "relprop.explainers.rise", "relprop.explainers.lrp"
FLIPPING = "relprop.metrics.pixel_flipping"
Edit = Callable[[str], str]
NUMBER = count()


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """Each call gives a copy of the package elsewhere, in which `edit` has rewritten the file."""

    def copy(file: str = "errors.py", edit: Edit = str) -> Path:
        folder = tmp_path / str(next(NUMBER)) / "relprop"
        copytree(PACKAGE, folder, ignore=ignore_patterns("__pycache__"))
        path = folder / file
        before = path.read_text()
        path.write_text(edit(before))
        assert edit is str or path.read_text() != before
        return folder

    return copy


def added_code(text: str) -> str:
    return f"{text}\nADDED = 1\n"


def swapped(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("module", "file", "edit"),
    [
        (RISE, "explainers/rise.py", added_code),
        (RISE, "explainers/rise.py", swapped("0.5", "0.25")),
        (RISE, "explainers/base.py", added_code),
        (RISE, "inference.py", swapped("return", "return None or")),
        (RISE, "lrp/start.py", added_code),
        (LRP, "lrp/rules.py", swapped("self.gamma * w.clamp(min=0)", "w.clamp(min=0)")),
        (LRP, "lrp/__init__.py", added_code),  # names are imported from it
        (FLIPPING, "metrics/perturbation/curve.py", added_code),
        (FLIPPING, "metrics/perturbation/telea.py", added_code),  # the program of its worker processes
    ],
)
def test_changes_with_the_code_that_a_module_uses(module: str, file: str, edit: Edit, edited) -> None:
    assert closure_hash([module], edited(file, edit)) != closure_hash([module])


def reworded(text: str) -> str:
    """Other docstrings, other comments, other layout; the code is the same."""
    said = re.sub(r'^( *""")(?=\S)', r"\1Said otherwise. ", text, flags=re.MULTILINE)
    return "# A comment.\n\n" + re.sub(r":$", ":  # another comment\n", said, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("module", "file", "edit"),
    [
        (RISE, "explainers/lime.py", added_code),
        (RISE, "explainers/__init__.py", added_code),  # on the way only
        (RISE, "__init__.py", added_code),
        (RISE, "callbacks/explain.py", added_code),
        (RISE, "lrp/rules.py", added_code),
        (FLIPPING, "metrics/localization.py", added_code),
        (RISE, "explainers/base.py", reworded),
        (RISE, "explainers/rise.py", reworded),
        (LRP, "lrp/rule.py", reworded),
        (LRP, "lrp/engine.py", reworded),
    ],
)
def test_stays_when_other_code_or_only_words_change(module: str, file: str, edit: Edit, edited) -> None:
    assert closure_hash([module], edited(file, edit)) == closure_hash([module])


def test_depends_neither_on_order_nor_on_process() -> None:
    expected = closure_hash([RISE, FLIPPING])
    assert closure_hash(iter((FLIPPING, RISE, RISE))) == expected
    assert len({expected, closure_hash([RISE]), closure_hash([FLIPPING])}) == 3
    program = f"""
import sys
from relprop.code_versions import closure_hash
closure_hash(["{LRP}"])  # whatever has been read before
print(closure_hash(["{RISE}", "{FLIPPING}"]), "torch" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [expected, "False"]


def test_what_is_no_module_of_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^torch\.nn is no module below .*relprop; give full names, such as relprop\."):
        closure_hash(["torch.nn"])
    with pytest.raises(UserError, match=r"^relprop\.nope is no module"):
        closure_hash(["relprop.nope"])


IMPORTS = {
    "import small.beside": {"beside"},
    "import numpy.beside, smaller, small.beside as other": {"beside"},
    "from small.beside import name": {"beside"},
    "from small.inner.deep import name": {"inner/deep"},
    "from small.inner import deep": {"inner/deep"},
    "from small.inner import name": {"inner/__init__", "inner/low"},
    "from small.inner import name, deep as other": {"inner/__init__", "inner/low", "inner/deep"},
    "from small.inner import *": {"inner/__init__", "inner/low"},
    "import small.inner": {"inner/__init__", "inner/low"},
    "from small import beside": {"beside"},
    "from small import name": {"__init__"},
    "from . import beside": {"beside"},
    "from .inner.deep import name": {"inner/deep"},
    "def function():\n    if True:\n        import small.beside": {"beside"},
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from small.beside import name": {"beside"},
    "from small.far import name": {"far", "beside"},
    "from small.round import name": {"round"},  # which imports the module itself
    "name = 'beside.py'": {"beside"},
    "name = 'beside'": set(),
    "name = 'absent.py'": set(),
    "import os.path": set(),
}
FILES = {
    "__init__": "name = 1",
    "beside": "name = 1",
    "far": "from small.beside import name",
    "round": "import small.module",
    "inner/__init__": "from .low import name",
    "inner/low": "name = 1",
    "inner/deep": "name = 1",
}


@pytest.mark.parametrize("code", IMPORTS)
def test_what_an_import_brings_in(code: str, tmp_path: Path) -> None:
    """Exactly those files change the hash."""

    def written(changed: str = "") -> Path:
        folder = tmp_path / (changed or "none").replace("/", ".") / "small"
        (folder / "inner").mkdir(parents=True)
        for file, text in {**FILES, "module": code}.items():
            (folder / f"{file}.py").write_text(added_code(text) if file == changed else text)
        return folder

    before = closure_hash(["small.module"], written())
    assert {file for file in FILES if closure_hash(["small.module"], written(file)) != before} == IMPORTS[code]


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ('"""Another."""\nx = 1', True),
        ("x = (1)  # one", True),
        ("x = 1\n'''Said of x.'''", True),
        ("x = 1\nif x:\n    'text'\n    y = 2", False),
        ("x = 1.0", False),
        ("x = '1'", False),
        ("x = 1\n...", False),
        ("", False),
    ],
)
def test_only_code_counts(code: str, same: bool, tmp_path: Path) -> None:
    hashes = []
    for number, text in enumerate(["'''Text.'''\nx = 1\n", code]):
        folder = tmp_path / str(number) / "small"
        folder.mkdir(parents=True)
        (folder / "module.py").write_text(text)
        hashes.append(closure_hash(["small.module"], folder))
    assert (hashes[0] == hashes[1]) is same
