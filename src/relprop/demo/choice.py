"""What is chosen on the page, and the words of `visualize.py` that say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relprop.errors import UserError
from relprop.explainers import list_explainers
from relprop.lrp import COMPOSITES, SPLITS
from relprop.registry import choose

METHODS = tuple(name for name in list_explainers() if name != "file")  # maps from a file are not computed here
SKIPS = ("auto", *SPLITS)
MOST_METHODS = 8
PREDICTED = "predicted"


@dataclass(frozen=True)
class Choice:
    """Methods, and how LRP is done: `composite`, `skip`, and the share of relevances that its filter keeps.

    `target` is the index of the class that is explained; None: the one that is predicted.
    """

    methods: tuple[str, ...] = ("lrp",)
    composite: str = "otsuki2024"
    skip: str = "auto"
    relevance_filter: float = 1.0
    target: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """As on the command line, but for the target."""
        methods = self.methods[0] if len(self.methods) == 1 else f"[{','.join(self.methods)}]"
        if "lrp" not in self.methods:
            return (f"method={methods}",)
        kept = () if self.relevance_filter == 1 else (f"method.relevance_filter={self.relevance_filter:g}",)
        return (f"method={methods}", f"composite={self.composite}", f"skip={self.skip}", *kept)


def read_choice(
    methods: Any, composite: Any, skip: Any, relevance_filter: Any, target: Any, class_names: Sequence[str]
) -> Choice:
    """The choice that a browser tells of. `target` is "predicted" or the index of a class.

    Raises `UserError` for whatever is not on the page.
    """
    if not isinstance(methods, list) or not 1 <= len(methods) <= MOST_METHODS:
        raise UserError(f"choose from 1 to {MOST_METHODS} methods")
    chosen = tuple(dict.fromkeys(_name("method", each, METHODS) for each in methods))
    rules, division = _name("composite", composite, tuple(COMPOSITES)), _name("skip", skip, SKIPS)
    is_number = isinstance(relevance_filter, int | float) and not isinstance(relevance_filter, bool)
    if not is_number or not 0 < relevance_filter <= 1:  # so written, NaN is refused too
        raise UserError("the filter keeps a share above 0 and at most 1")
    return Choice(chosen, rules, division, float(relevance_filter), _index(target, len(class_names)))


def _name(kind: str, given: Any, names: Sequence[str]) -> str:
    """What is given, if it is one of the names."""
    if not isinstance(given, str):
        raise UserError(f"a {kind} is given by its name: {', '.join(names)}")
    return choose(kind, given, dict(zip(names, names, strict=True)))


def _index(target: Any, classes: int) -> int | None:
    if target == PREDICTED:
        return None
    if isinstance(target, bool) or not isinstance(target, int) or not 0 <= target < classes:
        raise UserError(f"a class is {PREDICTED}, or an index from 0 to {classes - 1}")
    return target
