"""The program of a worker process: inpaints with OpenCV. It imports neither torch nor relprop, so it starts at once."""

import pickle
import sys

import cv2
import numpy as np
from numpy.typing import NDArray


def inpaint(pixels: NDArray[np.uint8], hidden: NDArray[np.bool_], radius: float) -> NDArray[np.uint8]:
    """`pixels` (H, W, C) with those that are `hidden` (H, W) filled from those around, by the method of Telea 2004."""
    filled = cv2.inpaint(pixels, hidden.astype(np.uint8), radius, cv2.INPAINT_TELEA)
    return filled.astype(np.uint8).reshape(pixels.shape)


def main() -> None:
    """Answer the pickled arguments of `inpaint` on standard input by pickled pixels on standard output."""
    cv2.setNumThreads(1)
    while True:
        try:
            arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        sys.stdout.buffer.write(pickle.dumps(inpaint(*arguments)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
