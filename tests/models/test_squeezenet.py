import pytest
import torch
from torch import fx, nn
from torchvision.models import get_model

from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.squeezenet import SQUEEZENETS, squeezenet
from relprop.models.weights import load_weights, pretrained


def _meta(name: str, image_size: int) -> nn.Module:
    with torch.device("meta"):  # shapes only
        return squeezenet(name, 7, image_size).eval()


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_beyond_64_pixels_it_is_torchvisions(name):
    torch.manual_seed(0)
    theirs, ours = get_model(name, num_classes=7).eval(), squeezenet(name, 7, 65).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 65, 65)
    assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("name", SQUEEZENETS)
@pytest.mark.parametrize(("image_size", "side"), [(4, 1), (8, 2), (32, 8), (64, 16), (224, 13)])
def test_map_before_the_head(name, image_size, side):
    model, seen = _meta(name, image_size), []
    model.classifier.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape[2:]))
    assert model(torch.empty(2, 3, image_size, image_size, device="meta")).shape == (2, 7)
    assert seen == [(side, side)]


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_too_small_images_are_refused_and_only_those(name):
    with pytest.raises(UserError, match=f"image_size=3 was given, but {name} halves the image twice and needs 4 "):
        squeezenet(name, 7, 3)
    with pytest.raises(RuntimeError, match="too small"):
        squeezenet(name, 7, 4)(torch.zeros(1, 3, 3, 3))
    assert squeezenet(name, 7, 4)(torch.zeros(1, 3, 4, 4)).shape == (1, 7)


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_small_form_differs_in_the_first_layer_only(name):
    small, large = ({key: v.shape for key, v in _meta(name, size).state_dict().items()} for size in (64, 65))
    assert small.keys() == large.keys()
    assert {key for key in small if small[key] != large[key]} <= {"features.0.weight"}
    assert small["features.0.weight"][2:] == (3, 3)


def test_new_first_layer_is_initialised_as_the_others():
    """Uniform, He et al.'s: all below √(6/27), with its variance, and no bias."""
    torch.manual_seed(0)
    stem = squeezenet("squeezenet1_0", 10, 32).features[0]
    bound = (6 / 27) ** 0.5
    assert 0.99 * bound < stem.weight.abs().max().item() <= bound
    assert stem.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not stem.bias.any()


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_training_step_reaches_every_weight(name):
    torch.manual_seed(0)
    model = squeezenet(name, 10, 32)
    nn.functional.cross_entropy(model(torch.randn(8, 3, 32, 32)), torch.arange(8)).backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_fx_traces_the_same_function(name):
    torch.manual_seed(0)
    model, images = squeezenet(name, 10, 32).eval(), torch.randn(2, 3, 32, 32)
    assert torch.equal(fx.symbolic_trace(model)(images), model(images))


@pytest.mark.parametrize(("name", "network"), [("squeezenet1_1", "SqueezeNet"), ("darknet19", "DarkNet19")])
def test_convolution_as_head_of_another_size_names_both(name, network, tmp_path):
    torch.save(build_model(name, num_classes=100, image_size=32).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=f"a head of 100 classes, but this {network} one of 10; build it with num_cl"):
        load_weights(build_model(name, num_classes=10, image_size=32), tmp_path / "w.pt")


def test_other_forms_of_the_first_layer_are_not_taken_for_a_head(tmp_path):
    torch.save(build_model("squeezenet1_0", num_classes=10, image_size=224).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"features\.0\.weight has shape \(96, 3, 7, 7\) instead of \(96, 3, 3, 3\)"):
        load_weights(build_model("squeezenet1_0", num_classes=10, image_size=32), tmp_path / "w.pt")


def test_pretrained_takes_torchvisions_file(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    state = build_model("squeezenet1_1", num_classes=1000, image_size=224).state_dict()
    torch.save(state, tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    assert all(torch.equal(value, state[key]) for key, value in pretrained("squeezenet1_1").state_dict().items())


@pytest.mark.weights
@pytest.mark.data
def test_trained_weights_classify_photographs(weights_dir, data_dir):
    """torchvision states 58 % on the validation images for its own weights; chance would be 0.1 %."""
    model = build_model("squeezenet1_0", num_classes=1000, image_size=224).eval()
    load_weights(model, weights_dir / "squeezenet1_0_deepcompression_torchvision.pth")
    data = build_datamodule("imagenet", data_dir=data_dir, limit=24, batch_size=12)
    with torch.no_grad():
        right = [
            model(data.on_after_batch_transfer(batch).images).argmax(1) == batch.labels
            for batch in data.test_dataloader()
        ]
    assert torch.cat(right).float().mean() > 0.5
