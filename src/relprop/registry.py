"""Things that are chosen by name: rules, methods, metrics, data sets, optimizers, loggers."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from relprop.errors import UserError

T = TypeVar("T")


def choose(kind: str, name: str, registry: Mapping[str, T], /) -> T:
    """`registry[name]`, or a `UserError` that lists what there is."""
    if name not in registry:
        raise UserError(f"{kind}={name} is unknown; choose one of: {', '.join(registry)}")
    return registry[name]


def create(kind: str, name: str, registry: Mapping[str, Callable[..., T]], /, *arguments: Any, **options: Any) -> T:
    """`registry[name](*arguments, **options)`.

    Raises `UserError` that lists what is accepted for a name or an option that there is not.
    """
    builder = choose(kind, name, registry)
    accepted = list(inspect.signature(builder).parameters.values())[len(arguments) :]
    names = [parameter.name for parameter in accepted if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    for option in options:
        if option not in names and len(names) == len(accepted):
            raise UserError(f"{kind}={name} has no option '{option}'; it takes: {', '.join(names) or 'none'}")
    return builder(*arguments, **options)
