from pathlib import Path

from relprop import provenance as module
from relprop.provenance import code_hash, provenance


def test_provenance_names_commit_and_versions() -> None:
    facts = provenance()
    assert set(facts["versions"]) >= {"relprop", "torch", "lightning"}
    commit = facts["git_commit"]
    assert commit is None or len(commit.removesuffix("-dirty")) == 40


def test_code_hash_tells_every_change(tmp_path: Path, monkeypatch) -> None:
    assert code_hash() == code_hash()
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    (tmp_path / "inner").mkdir()
    hashes = {code_hash()}
    for name, text in [("a.py", "x = 1"), ("a.py", "x = 2"), ("inner/a.py", "x = 2"), ("b.py", "")]:
        (tmp_path / name).write_text(text)
        hashes.add(code_hash())
    assert len(hashes) == 5
    (tmp_path / "notes.txt").write_text("not code")
    assert code_hash() in hashes
