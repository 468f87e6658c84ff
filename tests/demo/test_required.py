import pytest

from relprop.demo import required
from relprop.errors import UserError


def test_without_gradio_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    required.require_gradio()
    monkeypatch.setattr(required, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'^the page needs Gradio; install it with: pip install "relprop\[demo\]"$'):
        required.require_gradio()
