"""Which version of the code a result rests on: a hash of some modules and of all that they use. Imports no torch."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

from relprop.errors import UserError
from relprop.provenance import PACKAGE


def closure_hash(module_names: Iterable[str], package: Path = PACKAGE) -> str:
    """sha256 of the code of these modules and of all modules of the package that they use, directly or not.

    `module_names` are full, such as "relprop.lrp.engine"; `package` is the folder of the package, whose files are read
    once in a process. Comments, docstrings and layout do not count. Imports count wherever they stand, and so do
    programs that lie beside a module and are named in it. An `__init__.py` counts where a name is imported from it, not
    where it only lies on the way to a module. What importlib loads by name is not seen. Raises `UserError` for what is
    no module of the package.
    """
    modules: dict[str, _Module] = {}
    waiting = list(module_names)
    while waiting:
        name = waiting.pop()
        if name not in modules:
            modules[name] = _read(name, package)
            waiting += modules[name].uses
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(f"{name}\0{modules[name].code}\0".encode())
    return digest.hexdigest()


class _Module(NamedTuple):
    code: str  # without comments, docstrings and layout
    uses: frozenset[str]  # modules of the same package


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Leave out strings that stand alone, whether they describe a module, a class, a function or an attribute."""
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


@cache
def _read(name: str, package: Path) -> _Module:
    path = _path(name, package)
    if path is None:
        raise UserError(f"{name} is no module below {package}; give full names, such as {package.name}.errors")
    tree = ast.parse(path.read_bytes(), filename=str(path))
    parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
    uses = frozenset(_uses(tree, parent, package))
    return _Module(ast.unparse(_WithoutDocstrings().visit(tree)), uses)


def _uses(tree: ast.Module, parent: str, package: Path) -> Iterator[str]:
    """Modules of the package that `tree`, a module of the package `parent`, imports anywhere or starts as a program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), parent)
            below = [f"{origin}.{alias.name}" for alias in node.names]
            named = [origin if _path(module, package) is None else module for module in below]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py"):
            beside = f"{parent}.{node.value.removesuffix('.py')}"
            named = [] if _path(beside, package) is None else [beside]
        else:
            continue
        yield from (module for module in named if module.partition(".")[0] == package.name)


def _path(name: str, package: Path) -> Path | None:
    """The file of a module of the package, if there is one."""
    root, *inner = name.split(".")
    place = package.joinpath(*inner)
    files = (place / "__init__.py", place.parent / f"{place.name}.py")
    return next((file for file in files if root == package.name and file.is_file()), None)
