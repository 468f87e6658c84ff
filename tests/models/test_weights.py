import os
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.head import head_modules
from relprop.models.weights import load_state_dict_file, load_weights, pretrained


@pytest.fixture
def resnet20():
    return build_model("resnet20", num_classes=10, image_size=32)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.module."])
@pytest.mark.parametrize("nested", [False, True])
def test_saved_weights_come_back(resnet20, tmp_path, prefix, nested):
    state = {prefix + key: value for key, value in resnet20.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3} if nested else state, tmp_path / "w.pt")
    other = build_model("resnet20", num_classes=10, image_size=32)
    load_weights(other, tmp_path / "w.pt")
    assert _equal(other.state_dict(), resnet20.state_dict())


def test_safetensors_come_back(resnet20, tmp_path):
    save_file(resnet20.state_dict(), tmp_path / "w.safetensors")
    assert _equal(load_state_dict_file(tmp_path / "w.safetensors"), resnet20.state_dict())


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no weights file .*absent\.pt"):
        load_state_dict_file(tmp_path / "absent.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short", bytes(range(256)) * 8])
def test_damaged_file_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"w\.\w+ is not a .* or is damaged") as caught:
        load_state_dict_file(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_truncated_checkpoint_is_refused(resnet20, tmp_path):
    torch.save(resnet20.state_dict(), tmp_path / "w.pt")
    content = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "w.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_state_dict_file(tmp_path / "w.pt")


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("by_torch", [True, False])
def test_pickle_that_would_run_code_does_not(tmp_path, by_torch):
    content = {"state_dict": _Malicious(tmp_path / "ran")}
    if by_torch:
        torch.save(content, tmp_path / "w.pt")
    else:
        (tmp_path / "w.pt").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UserError, match=r"it holds \w+\.mkdir, which could run code") as caught:
        load_state_dict_file(tmp_path / "w.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [{}, [1, 2], {"epoch": 3}, {"state_dict": {"a": "b"}}, torch.zeros(2)])
def test_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match="does not hold a state dict"):
        load_state_dict_file(tmp_path / "w.pt")


def test_another_network_is_named_with_some_keys(resnet20, tmp_path):
    before = {key: value.clone() for key, value in resnet20.state_dict().items()}
    torch.save(build_model("resnet32", num_classes=10, image_size=32).state_dict(), tmp_path / "w.pt")
    with pytest.raises(
        UserError, match=r"another network than CifarResNet: 0 keys missing, \d+ keys unexpected \(layer1\.3"
    ) as caught:
        load_weights(resnet20, tmp_path / "w.pt")
    assert str(caught.value).count("layer") == 3
    assert _equal(resnet20.state_dict(), before)


def test_missing_keys_are_named(resnet20, tmp_path):
    state = resnet20.state_dict()
    del state["conv1.weight"]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"1 keys missing \(conv1\.weight\), 0 keys unexpected"):
        load_weights(resnet20, tmp_path / "w.pt")


def test_head_of_another_size_names_both(resnet20, tmp_path):
    torch.save(build_model("resnet20", num_classes=100, image_size=32).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="a head of 100 classes, but this CifarResNet one of 10; "):
        load_weights(resnet20, tmp_path / "w.pt")


def test_head_of_another_size_is_named_where_an_attention_branch_has_one_too(tmp_path):
    torch.save(build_model("abn_resnet20", num_classes=100, image_size=32).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="a head of 100 classes, but this AttentionBranchNetwork one of 10; "):
        load_weights(build_model("abn_resnet20", num_classes=10, image_size=32), tmp_path / "w.pt")


def test_another_shape_names_both(tmp_path):
    torch.save(build_model("resnet18", num_classes=10, image_size=224).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"conv1\.weight has shape \(64, 3, 7, 7\) instead of \(64, 3, 3, 3\)"):
        load_weights(build_model("resnet18", num_classes=10, image_size=32), tmp_path / "w.pt")


def test_pretrained_takes_the_file_put_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    state = build_model("resnet18", num_classes=1000, image_size=224).state_dict()
    torch.save(state, tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
    assert _equal(pretrained("resnet18").state_dict(), state)


def test_pretrained_without_network_says_where_to_put_the_file(tmp_path, monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise URLError("no route\nto host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UserError, match=r"https://\S+/resnet18-\w+\.pth could not be downloaded") as caught:
        pretrained("resnet18")
    assert str(tmp_path / "checkpoints") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["resnet20", "abn_resnet18"])
def test_pretrained_of_a_network_without_imagenet_weights(name):
    with pytest.raises(UserError, match=f"no ImageNet weights for '{name}'; take one of vgg11, "):
        pretrained(name)


@pytest.mark.weights
@pytest.mark.parametrize("name", ["resnet20", "resnet32", "resnet44", "resnet56"])
def test_published_weights_load_strictly(weights_dir, name):
    (path,) = weights_dir.glob(f"{name}-*.th")
    load_weights(build_model(name, num_classes=10, image_size=32), path)


def _equal(state: dict, other: dict) -> bool:
    return state.keys() == other.keys() and all(torch.equal(state[key], other[key]) for key in state)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod.", "net.", "backbone.", "network."])
@pytest.mark.parametrize("container", ["model_state_dict", "model"])
def test_weights_of_other_peoples_trainings_come_back(resnet20, tmp_path, prefix, container):
    state = {prefix + key: value for key, value in resnet20.state_dict().items()}
    torch.save({container: state, "epoch": 3}, tmp_path / "w.pt")
    other = build_model("resnet20", num_classes=10, image_size=32)
    load_weights(other, tmp_path / "w.pt")
    assert _equal(other.state_dict(), resnet20.state_dict())


@pytest.mark.parametrize(
    ("model", "classes"), [("resnet20", 7), ("vgg11", 7), ("squeezenet1_0", 7), ("abn_resnet20", 7), ("resnet20", 10)]
)
def test_a_head_is_replaced_when_that_is_asked_for(model, classes, tmp_path):
    theirs = build_model(model, num_classes=10, image_size=32)
    torch.save(theirs.state_dict(), tmp_path / "w.pt")
    ours = build_model(model, num_classes=classes, image_size=32)
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    if classes != 10:
        with pytest.raises(UserError, match=f"has a head of 10 classes, .* one of {classes}; .*replace_head=true"):
            load_weights(ours, tmp_path / "w.pt")
        assert _equal(ours.state_dict(), before)
    load_weights(ours, tmp_path / "w.pt", replace_head=True)
    heads = head_modules(ours)
    for key, value in ours.state_dict().items():
        expected = before[key] if key.rpartition(".")[0] in heads else theirs.state_dict()[key]
        assert torch.equal(value, expected), key


def test_replacing_the_head_does_not_let_another_network_pass(resnet20, tmp_path):
    torch.save(build_model("resnet32", num_classes=5, image_size=32).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="another network than CifarResNet"):
        load_weights(resnet20, tmp_path / "w.pt", replace_head=True)
