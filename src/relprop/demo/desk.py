"""What lies before one visitor: a picture, and what has been found out about it last."""

from dataclasses import dataclass, replace
from pathlib import Path

from relprop.demo.choice import Choice
from relprop.demo.looking import View
from relprop.demo.patches import Picture


@dataclass(frozen=True)
class Desk:
    """`upload` is the visitor's own photograph, from which the picture is cut anew for another network; None: a sample.

    `view` and `choice` belong together: what was seen, and by which methods.
    """

    picture: Picture | None = None
    upload: Path | None = None
    choice: Choice | None = None
    view: View | None = None

    def with_picture(self, picture: Picture, upload: Path | None) -> "Desk":
        """Another picture, not looked at yet."""
        return replace(self, picture=picture, upload=upload, view=None)
