"""The order in which layers forget, and what they forget: against networks whose order is known."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.cascade import cascade, forget
from tests.networks import Functional, PreActivation, randomize_batchnorm

IMAGES = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Disordered(nn.Module):
    """Registered in another order than called; a layer that only a function uses, a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.arange(4.0).view(4, 1, 1) + 1)
        self.head = nn.Linear(4, 2)
        self.second = nn.Conv2d(4, 4, 1)
        self.by_function = nn.Conv2d(4, 4, 1)
        self.first = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(x))) * self.scale)
        x = F.conv2d(x, self.by_function.weight, self.by_function.bias)
        return self.head(x.mean((2, 3)))


def cnn() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 6), nn.Linear(6, 5)]
    return randomize_batchnorm(nn.Sequential(*layers))


def changed(model: nn.Module, other: nn.Module) -> set[str]:
    """Names of the modules whose parameters or buffers differ."""
    theirs = other.state_dict()
    return {name.rpartition(".")[0] for name, value in model.state_dict().items() if not value.equal(theirs[name])}


def test_the_last_to_run_is_the_first_to_forget() -> None:
    assert cascade(cnn(), IMAGES) == ["5", "4", "1", "0"]
    assert cascade(Disordered(), IMAGES) == ["head", "by_function", "second", "first", ""]
    assert cascade(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(192, affine=False)), IMAGES) == ["1"]
    assert cascade(nn.Linear(8, 2), IMAGES) == [""]


def test_a_layer_that_runs_again_forgets_where_it_runs_last() -> None:
    shared, between = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    assert cascade(nn.Sequential(shared, between, shared, nn.Flatten(), nn.Linear(192, 2)), IMAGES) == ["4", "0", "1"]
    assert cascade(Functional(), IMAGES) == ["head", "twice", "norm", "down", "stem"]
    assert cascade(PreActivation(), IMAGES) == ["head", "norm", "conv", "stem"]


def test_stage_k_forgets_exactly_the_last_k_layers() -> None:
    model, layers = cnn(), ["5", "4", "1", "0"]
    stages = [changed(network, model) for network in forget(model, layers, seed=0)]
    assert stages == [{"5"}, {"5", "4"}, {"5", "4", "1"}, {"5", "4", "1", "0"}]


def test_layers_are_as_new() -> None:
    """As in a network that has just been built, batch norm with its running statistics."""
    (*_, network) = forget(cnn(), ["5", "4", "1", "0"], seed=3)
    for number, name in enumerate(["5", "4", "1", "0"]):
        with torch.random.fork_rng():
            torch.manual_seed(3 + number)
            fresh = {"5": nn.Linear(6, 5), "4": nn.Linear(144, 6), "1": nn.BatchNorm2d(4), "0": nn.Conv2d(3, 4, 3)}
            torch.manual_seed(3 + number)
            fresh[name].reset_parameters()
        assert not changed(network.get_submodule(name), fresh[name])


def test_the_same_draws_for_the_same_seed_only() -> None:
    model, layers = cnn(), ["5", "4", "1", "0"]
    (*_, one), (*_, again), (*_, other) = (forget(model, layers, seed) for seed in (0, 0, 1))
    assert not changed(one, again)
    assert changed(one, other) == {"5", "4", "0"}  # a batch norm has nothing to draw


def test_parameters_of_a_module_without_a_reset_are_shuffled() -> None:
    model = Disordered()
    (network,) = forget(model, [""], seed=1)
    assert changed(network, model) == {""}
    assert network.scale.flatten().sort().values.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("inference", [False, True])
def test_the_model_and_the_random_state_stay(inference: bool) -> None:
    model, fired = cnn().train(), []
    model[0].register_forward_hook(lambda *_: fired.append("forward"))
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    with torch.inference_mode(inference):
        layers = cascade(model, IMAGES)
        networks = list(forget(model, layers, seed=0))
    networks[-1](IMAGES)
    assert not fired and len(model[0]._forward_hooks) == 1
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert all(module.training for module in model.modules()) and not networks[-1].training
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert torch.get_rng_state().equal(state)
    assert all(parameter.requires_grad and not parameter.is_inference() for parameter in networks[-1].parameters())


def test_a_network_that_has_learned_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="Sequential has no parameters that could be randomised"):
        cascade(nn.Sequential(nn.Flatten()), IMAGES)
