"""What size images may have; how many a split needs, `test_base` asks of the data modules."""

import pytest

from relprop.data.sizes import allowed_size
from relprop.errors import UserError


def test_sizes_that_images_may_have():
    assert [allowed_size("folder", 1, None), allowed_size("folder", 64, None), allowed_size("digits", 32, 32)] == [
        1,
        64,
        32,
    ]


def test_sizes_that_images_cannot_have_are_refused():
    with pytest.raises(UserError, match="^image_size=0 was given; it must be 1 or more.$"):
        allowed_size("folder", 0, None)
    with pytest.raises(UserError, match="^image_size=31 was given, but the images of digits have 32$"):
        allowed_size("digits", 31, 32)
