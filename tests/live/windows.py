"""What a real window does; run in a process of its own, since Xlib ends the process when its display goes."""

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ImageGrab

from relprop.live.loop import Loop
from relprop.live.window import Window
from tests.live.test_loop import Network, draw
from tests.live.videos import SIZE, Film, Pixels, number_of


def screen() -> Pixels:
    """What is seen of a picture of `SIZE`: the window stands in the upper left corner."""
    return np.asarray(ImageGrab.grab().convert("RGB"))[: SIZE[1], : SIZE[0]]


def shows_every_picture_as_it_is_drawn() -> None:
    window, seen = Window("test"), list[int]()
    assert len(np.unique(screen())) > 2  # "loading …"
    loop = Loop(Film(60, rate=30), Network(0.01), draw, has_window=True)
    show = loop.shown

    def shown(picture: SimpleNamespace) -> None:
        show(picture)
        assert number_of(screen()) == number_of(picture.pixels)
        seen.append(number_of(picture.pixels))

    loop.shown = shown
    loop.run(window)
    window.destroy()
    assert len(seen) == len(loop.ages) > 10 and seen == sorted(seen) and seen[-1] > 50
    assert not window.closed


def closes(how: str) -> None:
    window = Window("test")
    loop = Loop(Film(10**6, rate=30), Network(0.01), draw, has_window=True)
    root = window._root

    def close() -> None:
        if how == "WM_DELETE_WINDOW":
            root.tk.call(*root.tk.splitlist(root.protocol(how)))
        else:
            root.focus_force()
            root.event_generate(how)

    root.after(300, close)
    began = time.perf_counter()
    loop.run(window)
    window.destroy()
    assert window.closed and 0.2 < time.perf_counter() - began < 5


def lets_out_what_is_raised_within() -> None:
    window = Window("test")

    def fail() -> None:
        raise KeyboardInterrupt("within tkinter")

    window._root.after(100, fail)
    with pytest.raises(KeyboardInterrupt, match="within tkinter"):
        Loop(Film(10**6, rate=30), Network(0.01), draw, has_window=True).run(window)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    globals()[what](*words)
    print("as it should be")
