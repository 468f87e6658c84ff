"""A window of tkinter's, which must live in the main thread."""

from types import TracebackType
from typing import Any, Protocol

from PIL import Image

from relprop.errors import UserError
from relprop.live.frames import Picture
from relprop.live.handover import Handover

_INSTEAD = "say window=false output=FILE.mp4 to have a video written instead"
_TICK = 0.01  # seconds between two looks at the keyboard


class Running(Protocol):
    """What a window knows of the loop whose pictures it shows."""

    screen: Handover[Picture]

    def is_running(self) -> bool:
        """Whether there is more to come."""

    def shown(self, picture: Picture) -> None:
        """The picture can be seen from now on."""


class Window:
    """Shows the pictures of a loop until it ends, the window is closed, or q or Escape is pressed.

    Raises `UserError` where there is no tkinter or no display.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise UserError(
                f"a window needs tkinter and Pillow's ImageTk, of which there is no {error.name}; install Python's "
                f"tkinter (Debian: apt install python3-tk), or {_INSTEAD}"
            ) from error
        try:
            self._root = tkinter.Tk(className="relprop")
        except tkinter.TclError as error:
            raise UserError(f"there is no display for a window ({error}); {_INSTEAD}") from error
        self._root.title(title)
        self._root.resizable(False, False)
        self._root.configure(background="#16181c")
        self._label = tkinter.Label(self._root, text="loading …", fg="#f0f0f0", bg="#16181c", bd=0, padx=60, pady=30)
        self._label.pack()
        self._new_image, self._image = ImageTk.PhotoImage, None
        self.closed = False
        self._failure: BaseException | None = None
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._root.report_callback_exception = self._keep
        for key in ("<q>", "<Q>", "<Escape>"):
            self._root.bind(key, lambda _: self._close())
        self._root.update()

    _image: Any

    def __call__(self, loop: Running) -> None:
        """Show what the loop draws, until it has ended or the user closes the window."""
        while loop.is_running() and not self.closed:
            picture = loop.screen.take(_TICK)
            if picture is not None:
                self._show(Image.fromarray(picture.pixels))
            self._root.update()
            if self._failure is not None:
                raise self._failure
            if picture is not None:
                loop.shown(picture)

    def destroy(self) -> None:
        """Close it for good."""
        self._root.destroy()

    def _show(self, picture: Image.Image) -> None:
        if self._image is None:
            self._image = self._new_image(picture, master=self._root)
            self._label.configure(image=self._image, padx=0, pady=0)
        else:
            self._image.paste(picture)

    def _close(self) -> None:
        self.closed = True

    def _keep(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """tkinter would print what is raised within it, Ctrl-C included, and go on."""
        self._failure = error
