"""Classes by name or index."""

import difflib
from collections.abc import Sequence

from relprop.errors import UserError


def class_index(given: str | int, class_names: Sequence[str], option: str = "target") -> int:
    """The index of the class that `given` names, its case ignored, or is the index of.

    Raises `UserError`, which calls it `option`, for a name that no class or more than one has, with the nearest ones,
    and for an index that there is not.
    """
    text = str(given).strip().casefold()
    named = [index for index, name in enumerate(class_names) if name.casefold() == text]
    if len(named) > 1:
        raise UserError(f"{option}={given} names {len(named)} classes, {named}; give the index of one of them")
    if named:
        return named[0]
    if text.removeprefix("-").isdecimal():
        if not 0 <= int(text) < len(class_names):
            raise UserError(
                f"{option}={given} is not a class; there are {len(class_names)}, 0 to {len(class_names) - 1}"
            )
        return int(text)
    raise UserError(f"{option}={given} is not a class; {_nearest(text, class_names)}")


def _nearest(text: str, class_names: Sequence[str]) -> str:
    by_name = {name.casefold(): name for name in class_names}
    holding = [name for folded, name in by_name.items() if text in folded]
    near = holding or [by_name[folded] for folded in difflib.get_close_matches(text, by_name, n=5, cutoff=0.5)]
    if near:
        return f"did you mean one of: {', '.join(near[:8])}?"
    shown = ", ".join(class_names[:10])
    return f"there are {len(class_names)}: {shown}{', …' if len(class_names) > 10 else ''}"
