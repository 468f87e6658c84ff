"""Where numbers come from: commit, code and versions. Imports no torch."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
VERSIONS = ("relprop", "torch", "torchvision", "lightning", "torchmetrics", "captum", "numpy")


def provenance() -> dict[str, Any]:
    """Git commit (None outside a checkout), versions, Python. To be asked when a run starts: code changes meanwhile."""
    versions = {name: version(name) for name in VERSIONS}
    return {"git_commit": _git_commit(), "versions": versions, "python": platform.python_version()}


def code_hash() -> str:
    """Of all source files of the package: tells apart what is not committed."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git_commit() -> str | None:
    """Commit of this code, with "-dirty" when tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
