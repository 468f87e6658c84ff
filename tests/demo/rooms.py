"""What the page's server works with, small: a studio, a network that tells bright pictures from dark ones, runs."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from relprop.data import ImageDataModule, build_datamodule
from relprop.demo.choice import Choice
from relprop.demo.networks import Listed
from relprop.demo.patches import Picture, Stroke
from relprop.demo.studio import Named, Opened, Studio
from relprop.experiment.method import Method
from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.postprocessing import build_pipeline
from relprop.runs import BEST, CONFIG
from tests.configs import CONF, composed

DIGITS = build_datamodule("digits")
DARK, BRIGHT = 0, 1  # what the small network says of a sample as it is, and when it is painted white

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


class PlainStudio(Studio):
    """Builds methods without options, for where it does not matter how they are built: composing takes long."""

    def method(self, opened: Opened, choice: Choice, name: str) -> Named:
        """The method in question."""
        return Named(Method(get_explainer(name, opened.network), build_pipeline("sum", {})), name)


def studio(folder: Path, *words: str, own: Listed | None = None, kind: type[Studio] = Studio) -> Studio:
    """One with everything it writes below `folder`."""
    config = deepcopy(_config(words))
    config.output_dir, config.run_dir = str(folder), str(folder / "demo" / "run")
    return kind(config, CONF, words, own)


@cache
def _config(words: tuple[str, ...]) -> DictConfig:
    """Composed once: that takes longer than most tests."""
    return composed("demo", Path("outputs"), *words)


def small_network() -> nn.Module:
    """A convolution, and a vector layer whose first two classes weigh the brightness of the picture."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 10)
    conv, head = layers[0], layers[-1]
    assert isinstance(conv, nn.Conv2d) and isinstance(head, nn.Linear)
    with torch.no_grad():
        conv.weight[0], conv.bias[0] = 1 / 27, 0
        head.bias[DARK] += 4
        head.weight[BRIGHT, :16] += 0.25
    return nn.Sequential(*layers).eval()


def opened(data: ImageDataModule = DIGITS, network: nn.Module | None = None, words: tuple[str, ...] = ()) -> Opened:
    """The small network, unless another is given, as if it came from a checkpoint."""
    listed = Listed("small", "a small network", words)
    return Opened(listed, ("small", 0), "small on digits", network or small_network(), data, torch.device("cpu"))


def pixels(seed: int = 0, side: int = 32) -> Tensor:
    """Dark noise, uint8 (3, side, side)."""
    return torch.randint(0, 120, (3, side, side), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def picture(*strokes: Stroke, seed: int = 0) -> Picture:
    """Noise with these strokes."""
    return Picture("noise", pixels(seed), strokes)


def everywhere(paint: str, side: int = 16) -> Stroke:
    """All squares of a picture of 32 × 32 pixels."""
    count = -(-32 // side)
    return Stroke(paint, side, tuple((row, column) for row in range(count) for column in range(count)))


def normalised(image: Tensor, data: ImageDataModule = DIGITS) -> Tensor:
    """What a network sees of uint8 (3, S, S): (1, 3, S, S)."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    return ((image.float() / 255 - mean) / std).unsqueeze(0)


def write_run(folder: Path, model: str = "vgg11", seed: int = 0, **changes: Any) -> Path:
    """A run of training in `folder`, as if it had learned nothing; gives its checkpoint.

    `changes` are other options of the data set than those of the digits.
    """
    options = {"width": 0.125} if model.startswith("vgg") else {}
    dataset = {"name": "digits", "data_dir": "data", "batch_size": 32, "num_workers": 0, "per_class": None, **changes}
    data = build_datamodule(**dataset)
    best = folder / BEST
    best.parent.mkdir(parents=True, exist_ok=True)
    OmegaConf.save({"dataset": dataset, "model": {"name": model, **options}}, folder / CONFIG)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_model(model, num_classes=data.num_classes, image_size=data.image_size, **options)
    about = {"dataset": data.name, "model": model, "model_options": options, "image_size": data.image_size}
    torch.save({**weights(network), "hyper_parameters": {**about, "class_names": list(data.class_names)}}, best)
    return best


def weights(network: nn.Module) -> dict[str, dict[str, Tensor]]:
    """As Lightning stores them."""
    return {"state_dict": {f"network.{name}": tensor for name, tensor in network.state_dict().items()}}
