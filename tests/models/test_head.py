"""Which layers depend on the number of classes, against the networks built for one class more."""

import pytest
import torch

from relprop.models import MODELS, build_model
from relprop.models.head import head_modules


@pytest.mark.parametrize("name", MODELS)
def test_head_is_what_another_number_of_classes_changes(name: str) -> None:
    with torch.device("meta"):
        five, six = (build_model(name, num_classes=classes, image_size=64) for classes in (5, 6))
    others = six.state_dict()
    changed = {key.rpartition(".")[0] for key, value in five.state_dict().items() if value.shape != others[key].shape}
    heads = head_modules(five)
    assert changed <= set(heads)
    # what maps classes to one number has as many weights as there are classes, and is theirs
    assert set(heads) == changed
