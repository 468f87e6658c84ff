import pytest
import torch

from relprop.lrp.residual import Addition
from relprop.lrp.splits import SPLITS

IDENTITY = Addition(main=1, shortcut=0, kind="identity")
PROJECTION = Addition(main=1, shortcut=0, kind="projection")
F = torch.tensor([3.0, -3.0, 0.0, 1e-30, 1e30])
S = torch.tensor([1.0, 1.0, 0.0, 3e-30, 1e30])
MAGNITUDES = torch.tensor([0.75, 0.75, 0.5, 0.25, 0.5])  # |F| / (|F| + |S|), half at 0/0


@pytest.mark.parametrize(
    ("skip", "at_identity", "at_projection"),
    [
        ("latest", 1.0, MAGNITUDES),
        ("simple", 1.0, 0.5),
        ("flows_skip", MAGNITUDES, MAGNITUDES),
        ("flows_skip_simple", 0.5, 0.5),
    ],
)
def test_share_of_the_main_branch(skip: str, at_identity: object, at_projection: object) -> None:
    split = SPLITS[skip]
    for addition, expected in [(IDENTITY, at_identity), (PROJECTION, at_projection)]:
        values = (F.clone(), S.clone()) if split.needs_values(addition) else (None, None)
        torch.testing.assert_close(torch.as_tensor(split.share(addition, *values)), torch.as_tensor(expected))
        if split.needs_values(addition):
            assert torch.equal(values[0], F)
            assert torch.equal(values[1], S)


@pytest.mark.parametrize("skip", SPLITS)
def test_share_lies_between_nothing_and_all(skip: str) -> None:
    torch.manual_seed(0)
    for addition in (IDENTITY, PROJECTION):
        share = torch.as_tensor(SPLITS[skip].share(addition, torch.randn(1000), torch.randn(1000)))
        assert ((share >= 0) & (share <= 1)).all()
