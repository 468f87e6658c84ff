"""Run commands that end by a refusal, one after the other in this process: a JSON list of [script, words] comes in."""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"
SLOW = ("torch", "lightning", "matplotlib", "wandb")


def end_of(script: str, words: list[str]) -> dict[str, object]:
    """The exit code, what is said, and the slow modules that are there by now."""
    sys.argv = [str(SCRIPTS / f"{script}.py"), *words]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
    slow = [name for name in SLOW if name in sys.modules]
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "slow": slow}


if __name__ == "__main__":
    print(json.dumps([end_of(script, words) for script, words in json.load(sys.stdin)]))
