"""Score-CAM against the paper's algorithm channel by channel, and against grad-cam's."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.explainers.scorecam import ScoreCAM
from relprop.models import build_model
from tests.networks import network_of

LAYER = "block0"
TARGET = torch.tensor([0, 2, 4])


@pytest.fixture
def model() -> nn.Module:
    return network_of(lambda b, x: b.norm(b.conv(x)).relu()[:, :, ::2, ::2])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 10, 13, generator=torch.Generator().manual_seed(0))


def activations_of(model: nn.Module, image: Tensor, layer: str) -> Tensor:
    seen: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        model(image.unsqueeze(0))
    handle.remove()
    return seen[0][0]


def literal(model: nn.Module, image: Tensor, target: int, layer: str = LAYER) -> Tensor:
    """Algorithm 1, a forward for every channel; a constant channel's mask is 0."""
    activations, increases = activations_of(model, image, layer), []
    for channel in activations:
        large = F.interpolate(channel[None, None], image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
        constant = large.max() == large.min()
        mask = torch.zeros_like(large) if constant else (large - large.min()) / (large.max() - large.min())
        with torch.no_grad():
            shown, blank = model((image * mask)[None])[0, target], model(torch.zeros_like(image)[None])[0, target]
        increases.append(shown - blank)
    alpha = torch.stack(increases).exp() / torch.stack(increases).exp().sum()
    cam = sum(weight * channel for weight, channel in zip(alpha, activations, strict=True)).relu()
    return F.interpolate(cam[None, None], image.shape[1:], mode="bilinear", align_corners=False)[0, 0]


@pytest.mark.parametrize("max_batch", [1, 3, 64])
def test_is_the_algorithm(model: nn.Module, images: Tensor, max_batch: int) -> None:
    expected = torch.stack([literal(model, x, int(c)) for x, c in zip(images, TARGET, strict=True)])
    attribution = ScoreCAM(model, LAYER, max_batch=max_batch)(images, TARGET)
    torch.testing.assert_close(attribution.sum(1), expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(attribution[:, 0], attribution[:, 2])
    assert attribution.min() >= 0 and attribution.max() > 0


def test_signed_activations_are_cut_below_zero_before_the_map_is_enlarged(images: Tensor) -> None:
    model = network_of(lambda b, x: b.norm(b.conv(x))[:, :, ::2, ::2] - 0.3)
    expected = torch.stack([literal(model, x, 1) for x in images])
    attribution = ScoreCAM(model, LAYER)(images, 1).sum(1)
    torch.testing.assert_close(attribution, expected, rtol=1e-4, atol=1e-6)
    assert 0.1 < (attribution == 0).float().mean() < 0.9


def test_is_grad_cams_but_for_its_scaling_and_the_corners(
    images: Tensor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """grad-cam enlarges the masks between the centres of the corners; here it is told to do as it does with the map."""
    from pytorch_grad_cam import ScoreCAM as GradCamsScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    monkeypatch.setattr(nn, "UpsamplingBilinear2d", partial(nn.Upsample, mode="bilinear", align_corners=False))
    torch.manual_seed(0)
    model = build_model("resnet20", num_classes=10, image_size=32).eval()
    photos = F.interpolate(images, (32, 32), mode="bicubic")
    name = "layer3"
    with GradCamsScoreCAM(model, [model.get_submodule(name)]) as library:
        theirs = torch.from_numpy(library(photos, [ClassifierOutputTarget(c) for c in TARGET.tolist()]))
    ours = ScoreCAM(model, name)(photos, TARGET).sum(1)
    # Their two scalings to [0, 1], before and after the enlargement, are affine; so are those of ours.
    for mine, other in zip(ours.double(), theirs.double(), strict=True):
        mine = (mine - mine.min()) / (mine.max() - mine.min())
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-4)


def test_constant_channels_cost_no_forward_and_count_as_if(images: Tensor) -> None:
    model = network_of(lambda b, x: b.norm(b.conv(x)).relu() * torch.tensor([1.0, 0.0, 1.0, 0.0]).view(-1, 1, 1))
    expected = torch.stack([literal(model, x, 1) for x in images])
    sizes: list[int] = []
    handle = model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    torch.testing.assert_close(ScoreCAM(model, LAYER)(images, 1).sum(1), expected, rtol=1e-4, atol=1e-6)
    assert sizes == [3] + [1, 2] * 3  # the activations; the baseline and two active channels of each image
    handle.remove()


def test_an_image_without_an_active_channel_gives_zeros(images: Tensor) -> None:
    model = network_of(lambda b, x: b.conv(x) * x.amax((1, 2, 3), keepdim=True).gt(1.5))
    dull = images.clone()
    dull[1] = 0.01 * images[1]
    with torch.no_grad():
        dead = (activations_of(model, image, LAYER).abs().max() == 0 for image in dull)
        assert list(dead) == [False, True, False]
    attribution = ScoreCAM(model, LAYER)(dull, TARGET)
    assert attribution[1].abs().max() == 0 and attribution[0].max() > 0
    torch.testing.assert_close(attribution[2:], ScoreCAM(model, LAYER)(dull[2:], TARGET[2:]))


def test_channels_that_raise_the_class_weigh_more() -> None:
    """Two channels, left and right half; the class is the brightness of the right one."""

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.halves = nn.Module()
            self.halves.forward = lambda x: torch.stack([x.mean(1) * left, x.mean(1) * left.flip(1)], 1)

        def forward(self, x: Tensor) -> Tensor:
            return 20 * self.halves(x).mean((2, 3))

    left = torch.zeros(8, 8)
    left[:, :4] = 1
    model, image = Halves(), torch.ones(1, 3, 8, 8)
    for target, side in ((0, left), (1, left.flip(1))):
        heatmap = ScoreCAM(model, "halves")(image, target).sum(1)[0]
        assert heatmap[side == 1].min() > 100 * heatmap[side == 0].max()


def test_bfloat16_is_near_and_an_overflow_is_refused(model: nn.Module, images: Tensor) -> None:
    exact, rough = (ScoreCAM(model, LAYER, dtype=dtype)(images, TARGET) for dtype in ("float32", "bfloat16"))
    assert not torch.equal(exact, rough)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.01 * exact.max().item())
    with pytest.raises(ValueError, match="NaN or infinite answers in float16; choose dtype=bfloat16 or float32"):
        ScoreCAM(model, LAYER, dtype="float16")(images * 1e6, TARGET)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "nope"}, "layer=nope is no module"),
        ({"max_batch": 0}, "max_batch=0 is not valid"),
        ({"dtype": "int8"}, "dtype=int8 is unknown"),
    ],
)
def test_bad_options_are_refused(model: nn.Module, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScoreCAM(model, **options)
