"""DarkNet-19 and DarkNet-53 against the numbers of their papers, and DarkNet-53 against timm's."""

import pytest
import torch
from tests.slim import slim
from torch import fx, nn
from torch.utils.flop_counter import FlopCounterMode

from relprop.errors import UserError
from relprop.models.darknet import DARKNETS, DarkBlock, darknet
from relprop.models.weights import pretrained

# YOLO9000, table 6, from top to bottom: filters and kernel size of each convolution, "max" for a pooling 2×2/2.
TABLE_6 = [
    *[(32, 3), "max", (64, 3), "max", (128, 3), (64, 1), (128, 3), "max", (256, 3), (128, 1), (256, 3), "max"],
    *[(512, 3), (256, 1), (512, 3), (256, 1), (512, 3), "max"],
    *[(1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3), (1000, 1)],
]


def _meta(name: str, num_classes: int, image_size: int) -> nn.Module:
    with torch.device("meta"):  # shapes only
        return darknet(name, num_classes, image_size).eval()


@pytest.mark.parametrize(
    ("name", "count", "megabytes"),
    # The papers give no counts; the authors' page pjreddie.com/darknet/imagenet gives the size of the weights' files:
    # float32 of all parameters and of the running means and variances. The counts are those of their cfg files, for
    # DarkNet-53 also timm 1.0's.
    [("darknet19", 20_842_376, 80), ("darknet53", 41_609_928, 159)],
)
def test_parameter_counts_are_those_of_the_published_weights(name, count, megabytes):
    model = _meta(name, 1000, 224)
    assert sum(p.numel() for p in model.parameters()) == count
    running = sum(m.running_mean.numel() + m.running_var.numel() for m in model.modules() if _is_norm(m))
    assert round(4 * (count + running) / 2**20) == megabytes


@pytest.mark.parametrize(
    ("name", "image_size", "billions"),
    # YOLO9000 §3 and YOLOv3 table 2. For DarkNet-53 that table says 18.7, but the authors' page 18.57.
    [("darknet19", 224, 5.58), ("darknet19", 256, 7.29), ("darknet53", 256, 18.57)],
)
def test_operation_counts_of_the_papers(name, image_size, billions):
    with FlopCounterMode(display=False) as counter:
        _meta(name, 1000, image_size)(torch.empty(1, 3, image_size, image_size, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(billions, abs=0.005)


def test_darknet19_has_the_layers_of_table_6():
    layers = []
    for module in _meta("darknet19", 1000, 224).modules():
        if isinstance(module, nn.Conv2d):
            assert module.stride == (1, 1) and module.padding == (module.kernel_size[0] // 2,) * 2
            layers.append((module.out_channels, module.kernel_size[0]))
        elif isinstance(module, nn.MaxPool2d):
            assert (module.kernel_size, module.stride) == (2, 2)
            layers.append("max")
    assert layers == TABLE_6
    assert (len(layers) - layers.count("max"), layers.count("max")) == (19, 5)


def test_darknet53_has_the_layers_of_table_1():
    model = _meta("darknet53", 1000, 256)
    assert len([m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]) == 53
    assert [sum(isinstance(m, DarkBlock) for m in stage) for stage in model.stages] == [1, 2, 8, 8, 4]
    x = model.stem(torch.empty(1, 3, 256, 256, device="meta"))
    shapes = [x.shape[1:], *((x := stage(x)).shape[1:] for stage in model.stages)]
    assert shapes == [(32, 256, 256), (64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16), (1024, 8, 8)]


@pytest.mark.parametrize("name", DARKNETS)
def test_only_the_last_layer_has_a_bias_and_no_norm(name):
    *hidden, last = [m for m in _meta(name, 7, 224).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert last.bias is not None and all(layer.bias is None for layer in hidden)
    modules = list(_meta(name, 7, 224).modules())
    assert sum(map(_is_norm, modules)) == len(hidden)
    assert [m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)] == [0.1] * len(hidden)


def test_residual_is_added_after_the_activation():
    torch.manual_seed(0)
    block, x = DarkBlock(8).eval(), torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x + block.conv2(block.conv1(x)))
    assert isinstance(block.conv2[-1], nn.LeakyReLU)


@pytest.mark.parametrize("name", DARKNETS)
@pytest.mark.parametrize(("image_size", "side"), [(8, 1), (32, 4), (64, 8), (96, 3), (224, 7)])
def test_map_before_the_average(name, image_size, side):
    model, seen = _meta(name, 7, image_size), []
    model.avgpool.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape[2:]))
    assert model(torch.empty(2, 3, image_size, image_size, device="meta")).shape == (2, 7)
    assert seen == [(side, side)]


@pytest.mark.parametrize("name", DARKNETS)
@pytest.mark.parametrize(("image_size", "halvings"), [(64, 3), (65, 5)])
def test_only_small_images_are_halved_less(name, image_size, halvings):
    modules = _meta(name, 7, image_size).modules()
    assert sum(m.stride in (2, (2, 2)) for m in modules if isinstance(m, nn.Conv2d | nn.MaxPool2d)) == halvings


@pytest.mark.parametrize("name", DARKNETS)
def test_small_and_large_form_have_the_same_weights(name):
    small, large = (_meta(name, 10, image_size).state_dict() for image_size in (64, 65))
    assert [(key, value.shape) for key, value in small.items()] == [(key, v.shape) for key, v in large.items()]


def test_too_small_images_are_refused():
    with pytest.raises(UserError, match=r"image_size=7 was given, but darknet19 .* needs 8 .* take darknet53"):
        darknet("darknet19", 10, 7)
    assert _meta("darknet53", 10, 1)(torch.empty(1, 3, 1, 1, device="meta")).shape == (1, 10)


def test_weights_keep_the_size_of_the_signal_through_leaky_relus():
    torch.manual_seed(0)
    model = darknet("darknet19", 10, 32)
    for conv in (m for m in model.modules() if isinstance(m, nn.Conv2d)):
        assert conv.weight.std().item() == pytest.approx((2 / 1.01 / conv.weight[0].numel()) ** 0.5, rel=0.1)
    assert not model.classifier.bias.any()
    assert 0.1 < model.eval()(torch.randn(4, 3, 32, 32)).std() < 10


@pytest.mark.parametrize("name", DARKNETS)
def test_training_step_reaches_every_weight(name):
    torch.manual_seed(0)
    model = slim(name, 32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = [p.detach().clone() for p in model.parameters()]
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 32, 32)), torch.arange(4))
    loss.backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
    optimizer.step()
    assert all(not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("name", DARKNETS)
def test_fx_traces_the_same_function(name):
    torch.manual_seed(0)
    model, images = darknet(name, 10, 32).eval(), torch.randn(2, 3, 32, 32)
    assert torch.equal(fx.symbolic_trace(model)(images), model(images))


def test_darknet53_computes_what_timms_does():
    """timm's network has the same layers in the same order, but takes torch's default slope of 0.01 for LeakyReLU."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs, ours, images = timm.create_model("darknet53"), darknet("darknet53", 1000, 65), torch.randn(2, 3, 65, 65)
    for module in theirs.modules():
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = 0.1
        elif _is_norm(module):
            module.momentum = None  # running statistics become those of the one batch below
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    nn.init.normal_(theirs.head.fc.weight, std=0.03)
    with torch.no_grad():
        theirs(images)
        ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
        expected = theirs.eval()(images)
        assert expected.std() > 0.1
        torch.testing.assert_close(ours.eval()(images), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", DARKNETS)
def test_there_are_no_pretrained_weights(name):
    with pytest.raises(UserError, match=f"torchvision has no ImageNet weights for '{name}'; take one of vgg11, .*file"):
        pretrained(name)


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm2d)
