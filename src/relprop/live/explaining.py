"""What a network sees in a frame: the class, its probability, and the heatmap."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from relprop.data import Batch, ImageDataModule
from relprop.experiment.method import Method
from relprop.live.frames import Frame, Pixels


@dataclass(frozen=True)
class Seen:
    """What the network sees of a frame, uint8 (3, S, S)."""

    frame: Frame
    pixels: Tensor


@dataclass(frozen=True)
class Explanation:
    """What the network saw, uint8 (S, S, 3), red first; the explained class; and the heatmap (S, S)."""

    seen: Pixels
    heatmap: NDArray[np.float32]
    target: int
    probability: float


@dataclass(frozen=True)
class Explaining:
    """A network's method on `device`; `target` is None for the predicted class."""

    method: Method
    data: ImageDataModule
    target: int | None
    device: torch.device

    def see(self, frame: Frame) -> Seen:
        """The part of the frame that the network sees, as of a photograph. Starts no threads of torch's."""
        height, width = frame.pixels.shape[:2]
        red_first = cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2RGB)
        photo = Image.frombuffer("RGB", (width, height), red_first, "raw", "RGB", 0, 1)  # of the same memory
        return Seen(frame, self.data.cut(photo))

    def explain(self, seen: Seen) -> Explanation:
        """Class and heatmap."""
        position = torch.tensor([seen.frame.index], device=self.device)
        batch = Batch(seen.pixels[None].to(self.device), position, position)
        heatmaps, logits = self.method.with_logits(
            self.data.on_after_batch_transfer(batch).images, self.target, position
        )
        probabilities = logits.softmax(1)[0]
        target = int(probabilities.argmax()) if self.target is None else self.target
        heatmap: NDArray[np.float32] = heatmaps[0].detach().float().cpu().contiguous().numpy()
        pixels = seen.pixels.movedim(0, -1).contiguous().numpy()
        return Explanation(pixels, heatmap, target, float(probabilities[target]))
