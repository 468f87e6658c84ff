import copy
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.errors import UserError
from relprop.metrics.perturbation import telea
from relprop.metrics.perturbation.inpainting import Inpainter
from tests import golden_files

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def inpainter() -> Inpainter:
    return Inpainter(MEAN, STD, workers=2)


def photographs() -> tuple[Tensor, Tensor]:
    """Four photographs as 8-bit pixels (4, 3, 48, 64), and normalised so that they come back from truncation."""
    mean, std = torch.tensor([MEAN, STD]).view(2, 3, 1, 1)
    pixels = ((golden_files.tensors("inputs")["x64"][:, :, :48] * std + mean) * 255).round()
    return pixels.to(torch.uint8), ((pixels + 0.5) / 255 - mean) / std


def masks(share: float = 0.3) -> Tensor:
    return torch.rand(4, 48, 64, generator=torch.Generator().manual_seed(0)) < share


def pixels_of(images: Tensor) -> Tensor:
    """Values of 0…255, rounded but as they are."""
    mean, std = torch.tensor([MEAN, STD], dtype=torch.float64).view(2, 3, 1, 1)[:, : images.shape[1]]
    values = (images.double() * std + mean) * 255
    assert (values - values.round()).abs().max() < 1e-3
    return values.round().to(torch.uint8)


@pytest.mark.parametrize("order", ["morf", "lerf"])
@pytest.mark.parametrize("size", [2, 4])
def test_repeats_the_published_pixel_flipping(inpainter: Inpainter, order: str, size: int) -> None:
    """The golden curve without its last point, which is not inpainted."""
    golden = golden_files.tensors("bermudez2022")
    images, model = golden_files.tensors("inputs")["x32"], golden_files.network("vgg")
    relevance = (golden["relevance"] * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    patches = F.avg_pool2d(relevance, size).flatten(1)
    rank = patches.argsort(dim=1, descending=order == "morf").argsort(1).view(-1, 32 // size, 32 // size)
    rank = rank.repeat_interleave(size, 1).repeat_interleave(size, 2)
    with torch.no_grad():
        logits = [model(images)]
        for step in range(1, 32 // size + 1):
            images = inpainter(images, rank < step**2)
            logits.append(model(images))
    curve = torch.stack(logits, dim=1).gather(2, logits[0].argmax(1).view(-1, 1, 1).expand(-1, len(logits), 1))
    assert golden_files.relative_error(curve[..., 0], golden[f"pixel_flipping.{order}.{size}"][:, :-1]) < 1e-5


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("radius", [1, 3])
def test_gives_what_opencv_gives_for_each_image(channels: int, radius: float) -> None:
    (pixels, images), hidden = photographs(), masks()
    filled = Inpainter(MEAN[:channels], STD[:channels], radius, workers=1)(images[:, :channels], hidden)
    assert filled.shape == images[:, :channels].shape and filled.dtype == images.dtype
    for image, mask, result in zip(pixels.numpy(), hidden.numpy(), pixels_of(filled).numpy(), strict=True):
        for channel in range(channels):
            expected = cv2.inpaint(image[channel], mask.astype(np.uint8), radius, cv2.INPAINT_TELEA)
            np.testing.assert_array_equal(result[channel], expected)


@pytest.mark.parametrize("hide", [False, True])
def test_with_nothing_or_all_hidden_images_only_become_8_bit(inpainter: Inpainter, hide: bool) -> None:
    pixels, images = photographs()
    filled = inpainter(images, torch.full((4, 48, 64), hide))
    assert torch.equal(pixels_of(filled), pixels)


def test_truncates_anew_at_each_step(inpainter: Inpainter) -> None:
    """76 / 255, normalised in float32 and back, is just below 76, and so the red of 76 darkens, seen or not."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    levels = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    images = (levels / 255 - mean) / std
    nothing = torch.zeros(1, 16, 16, dtype=torch.bool)
    once = inpainter(images, nothing)
    twice = inpainter(once, nothing)
    lost = (levels - pixels_of(once)).sum((0, 2, 3)), (levels - pixels_of(twice)).sum((0, 2, 3))
    assert lost[0].tolist() == [104, 26, 94]
    assert (lost[1] > lost[0]).all() and (levels - pixels_of(twice)).max() == 2


def test_clamps_what_no_8_bit_image_can_be(inpainter: Inpainter) -> None:
    filled = inpainter(torch.tensor([-9.0, 9.0]).view(2, 1, 1, 1).expand(2, 3, 4, 4), torch.zeros(2, 4, 4).bool())
    assert pixels_of(filled).flatten(1).unique(dim=1).tolist() == [[0], [255]]


def test_neither_workers_nor_batches_change_the_result(inpainter: Inpainter) -> None:
    (_, images), hidden = photographs(), masks()
    before = images.clone()
    filled = inpainter(images, hidden)
    assert torch.equal(images, before)
    assert torch.equal(Inpainter(MEAN, STD, workers=1)(images, hidden), filled)
    for number in (3, 0):
        assert torch.equal(inpainter(images[number : number + 1], hidden[number : number + 1])[0], filled[number])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_keeps_the_type_of_the_images(inpainter: Inpainter, dtype: torch.dtype) -> None:
    images, hidden = photographs()[1].to(dtype), masks()
    assert torch.equal(inpainter(images, hidden), inpainter(images.float(), hidden).to(dtype))


def test_copies_work_though_processes_cannot_be_copied(inpainter: Inpainter) -> None:
    (_, images), hidden = photographs(), masks()
    filled = inpainter(images, hidden)
    for twin in (copy.deepcopy(inpainter), pickle.loads(pickle.dumps(inpainter))):
        assert torch.equal(twin(images, hidden), filled)


def test_refuses_images_that_opencv_does_not_inpaint(inpainter: Inpainter) -> None:
    with pytest.raises(UserError, match="1 or 3 channels and as many means, not 4 channels and 4 means"):
        Inpainter([0.5] * 4, [0.5] * 4)(torch.zeros(1, 4, 8, 8), torch.zeros(1, 8, 8).bool())
    with pytest.raises(UserError, match="not 1 channels and 3 means"):
        inpainter(torch.zeros(1, 1, 8, 8), torch.zeros(1, 8, 8).bool())


def test_says_what_to_install_where_opencv_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match="pip install opencv-python-headless"):
        Inpainter(MEAN, STD)


def test_a_worker_imports_neither_torch_nor_this_package() -> None:
    command = [sys.executable, "-P", "-X", "importtime", str(Path(telea.__file__))]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert {"cv2", "numpy"} <= imported and not {"torch", "relprop"} & imported
