"""Compiled networks give the same, under the same names; where nothing compiles that is said before the training."""

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.training.compiling import compile_network
from tests.training.fitting import Recorder, classifier, fit

CPU = torch.device("cpu")


class Own(nn.Linear):
    """A network with a loss of its own."""

    def loss_and_logits(self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
        logits = torch.nn.functional.linear(images, self.weight, self.bias)
        return nn.functional.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits


@pytest.mark.parametrize("build", [nn.Linear, Own])
def test_compiled_network_gives_the_same_under_the_same_names(build: type[nn.Linear]) -> None:
    torch.manual_seed(0)
    network, images = build(2, 3), torch.randn(4, 2)
    labels, names = torch.tensor([0, 1, 2, 0]), list(network.state_dict())
    expected = network(images)
    loss = network.loss_and_logits(images, labels)[0] if isinstance(network, Own) else None
    compile_network(network, CPU)
    torch.testing.assert_close(network(images), expected)
    assert list(network.state_dict()) == names
    if isinstance(network, Own):
        torch.testing.assert_close(network.loss_and_logits(images, labels)[0], loss)
        assert hasattr(network.loss_and_logits, "get_compiler_config")  # of what torch.compile has made


def test_missing_compiler_is_named_before_training() -> None:
    torch.compiler.reset()  # what has been compiled before in this process
    recorder, missing = Recorder(), {"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}
    said = "compile=true: torch cannot compile for cpu here .*install a C\\+\\+ compiler"
    with torch._inductor.config.patch(missing), pytest.raises(UserError, match=said):
        fit(classifier(compile=True), recorder)
    assert recorder.batches == []


def test_recipe_says_whether(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr("relprop.training.classifier.compile_network", lambda model, device: compiled.append(model))
    for wanted in (True, False):
        module = classifier(compile=wanted)
        fit(module)
        assert compiled == ([module.model] if wanted else [])
        compiled.clear()
