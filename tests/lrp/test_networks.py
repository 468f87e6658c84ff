"""Real architectures: the engine runs them as they are and conserves relevance at every step."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models as tv
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from relprop import LRP, UnsupportedOperationError
from relprop.data import build_datamodule
from relprop.lrp.audit import Audit
from relprop.lrp.forward import forward
from relprop.lrp.graph import WEIGHTED, Kind
from relprop.models import build_model
from relprop.models.weights import load_weights
from tests.networks import randomize_batchnorm
from tests.slim import narrowed, slim


def torchvision(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: tv.get_model(name, weights=None, num_classes=4, **options)


def narrow(name: str) -> Callable[[], nn.Module]:
    return lambda: narrowed(tv.get_model(name, weights=None, num_classes=10))


def residual(block: type[nn.Module], **options: int) -> Callable[[], nn.Module]:
    """torchvision's ResNet, one block a stage."""
    return lambda: ResNet(block, [1, 1, 1, 1], num_classes=4, **options)


def timm(name: str) -> Callable[[], nn.Module]:
    return lambda: pytest.importorskip("timm").create_model(name, num_classes=4)


def own(name: str) -> Callable[[], nn.Module]:
    return lambda: slim(name, 32)


def vgg11(norm: bool) -> nn.Module:
    """torchvision's VGG-11, narrow; the classifier of the usual width would take most of the time."""
    with torch.device("meta"):
        model = tv.VGG(tv.vgg.make_layers(tv.vgg.cfgs["A"], batch_norm=norm), num_classes=10, init_weights=False)
    return narrowed(model, share=8)


OWN = ("resnet20", "resnet56", "darknet19", "darknet53")  # for 32 pixels
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vgg11": lambda: vgg11(norm=False),
    "vgg11_bn": lambda: vgg11(norm=True),
    "resnet18": narrow("resnet18"),
    "resnet50": narrow("resnet50"),
    "resnext": residual(Bottleneck, groups=32, width_per_group=4),
    "wide_resnet": lambda: narrowed(residual(Bottleneck, width_per_group=128)()),
    "squeezenet1_0": torchvision("squeezenet1_0"),
    "squeezenet1_1": torchvision("squeezenet1_1"),
    "densenet121": torchvision("densenet121"),
    "googlenet": torchvision("googlenet", init_weights=False),
    "googlenet, transform_input": torchvision("googlenet", init_weights=False, transform_input=True),
    "mobilenet_v2": torchvision("mobilenet_v2"),
    "mobilenet_v3_small": torchvision("mobilenet_v3_small"),
    "mnasnet0_5": torchvision("mnasnet0_5"),
    "efficientnet_b0": torchvision("efficientnet_b0"),
    "regnet_y_400mf": torchvision("regnet_y_400mf"),
    "timm resnet18": timm("resnet18"),
    "timm resnet50": timm("resnet50"),
    **{name: own(name) for name in OWN},
}


def engine_logits(engine: LRP, images: Tensor) -> Tensor:
    """The forward pass of the engine."""
    output = engine.graph.output
    with torch.no_grad():
        return forward(engine.graph, engine._weights.affines, engine.plan.folded, images, {output}).values[output]


def checked_audit(engine: LRP, images: Tensor) -> Audit:
    """The audit of an explanation that is finite and conserves: at every step, and from the logits to the pixels."""
    audit, attribution = engine.audit(images), engine.attribute(images)
    assert attribution.isfinite().all()
    assert audit.start > 0
    for row in audit.rows:
        assert abs(row.relevance_in + row.lost - row.relevance_out) <= 1e-5 * abs(row.relevance_out), row
    left = attribution.sum(dtype=torch.float64).item()
    assert left == pytest.approx(audit.start - audit.absorbed, abs=1e-5 * audit.start)
    return audit


@pytest.mark.parametrize("name", NETWORKS)
def test_the_default_composite_conserves_and_the_forward_pass_is_the_models(name: str) -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(NETWORKS[name]()).eval()
    images = torch.randn(2, 3, 32, 32)
    engine = LRP(model)
    audit = checked_audit(engine, images)
    assert {row.step for row in audit.rows} | {"input"} == set(engine.trace(images[:1]))
    with torch.no_grad():
        expected = model(images)
    torch.testing.assert_close(engine_logits(engine, images), expected, rtol=1e-3, atol=1e-4 * expected.abs().max())


@pytest.mark.parametrize("composite", ["zplus", "epsilon_plus"])
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0", "abn_resnet20", "abn_resnet18"])
def test_gates_that_get_half_conserve(name: str, composite: str) -> None:
    """Squeeze and excitation, and attention: relevance reaches every layer of the branch that makes the gate."""
    torch.manual_seed(0)
    model = randomize_batchnorm((own if name.startswith("abn") else torchvision)(name)()).eval()
    engine = LRP(model, composite, gate="half", start="probability")
    audit = checked_audit(engine, torch.randn(1, 3, 32, 32))
    gated = [step for step in engine.graph.steps if step.kind is Kind.PRODUCT]
    assert gated
    before = {i for step in gated for source in step.inputs for i in engine.graph.ancestors(source)}
    relevance = {row.step: row.relevance_out for row in audit.rows}
    assert all(relevance[engine.graph.steps[i].name] for i in before if engine.graph.steps[i].kind in WEIGHTED)


UNSUPPORTED = {
    "convnext": (
        lambda: ConvNeXt([CNBlockConfig(8, None, 2)], num_classes=4),
        r"features\.0\.1: LRP has no rule for the function layer_norm. Functions with a rule: ",
    ),
    "swin": (
        lambda: SwinTransformer([4, 4], 8, [2], [1], [2, 2], num_classes=4),
        r"features\.\S+: LRP has no rule for the module LayerNorm. Modules with a rule: ",
    ),
    "vit": (
        lambda: VisionTransformer(32, 16, 1, 2, 8, 8, num_classes=4),
        r"VisionTransformer: LRP has no rule for concatenation with a constant. Concatenate what ",
    ),
    "shufflenet": (
        torchvision("shufflenet_v2_x0_5"),
        r"stage2\.1: LRP has no rule for the function chunk. Functions with a rule: ",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_cannot_be_explained_is_refused_when_the_engine_is_built(name: str) -> None:
    build, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedOperationError, match=message):
        LRP(build())


def real_images(name: str, data_dir: object, count: int) -> Tensor:
    data = build_datamodule(name, data_dir=data_dir, limit=count, batch_size=count)
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    return data.on_after_batch_transfer(batch, 0).images


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.parametrize("composite", ["zplus", "otsuki2024"])
def test_trained_networks_conserve_on_real_images(composite: str, data_dir: object, weights_dir: object) -> None:
    squeezenet, resnet20 = tv.squeezenet1_0(weights=None), build_model("resnet20", num_classes=10, image_size=32)
    load_weights(squeezenet, weights_dir / "squeezenet1_0_deepcompression_torchvision.pth")
    load_weights(resnet20, next(weights_dir.glob("resnet20-*.th")))
    for model, data, count in ((squeezenet, "imagenet", 1), (resnet20, "cifar10", 4)):
        images = real_images(data, data_dir, count)
        engine = LRP(model.eval(), composite)
        audit = checked_audit(engine, images)
        assert 0 <= audit.absorbed <= audit.start
        with torch.no_grad():
            torch.testing.assert_close(engine_logits(engine, images), model(images), rtol=1e-3, atol=1e-3)
