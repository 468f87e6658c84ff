import pytest

from relprop.errors import UserError
from relprop.registry import create

REGISTRY = {"power": lambda base, exponent=2: base**exponent, "any": lambda **options: options}


def test_creates_by_name() -> None:
    assert create("function", "power", REGISTRY, 3) == 9
    assert create("function", "power", REGISTRY, 3, exponent=3) == 27
    assert create("function", "any", REGISTRY, name=1) == {"name": 1}


def test_refuses_unknown_names_and_options() -> None:
    with pytest.raises(UserError, match="^function=root is unknown; choose one of: power, any$"):
        create("function", "root", REGISTRY)
    with pytest.raises(UserError, match="^function=power has no option 'exp'; it takes: exponent$"):
        create("function", "power", REGISTRY, 3, exp=3)
