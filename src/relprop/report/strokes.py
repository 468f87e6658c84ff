"""How the line of each method looks: a colour and dashes that no other has."""

from dataclasses import dataclass

# Dark enough for a thin line on white (contrast 3 : 1 and more), and 20 or more apart from one another in CIEDE2000.
_COLOURS = ("#2f6db5", "#dc7818", "#3f9a46", "#c2303c", "#9059b0", "#1c9a9c", "#7a5a33", "#30353c")
_DASHES = ("", "7 3", "2 2.5", "9 3 2 3")


@dataclass(frozen=True)
class Stroke:
    """A CSS colour, and the lengths of dashes and gaps as SVG has them: none is a solid line."""

    colour: str
    dashes: str


def stroke(number: int) -> Stroke:
    """Of the method with this number; 32 differ, then they begin anew."""
    return Stroke(_COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)])
