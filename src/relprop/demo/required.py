"""What the page needs besides the package's own requirements. Imports no torch."""

from importlib.util import find_spec

from relprop.errors import UserError


def require_gradio() -> None:
    """Raise `UserError` if it is not installed."""
    if find_spec("gradio") is None:
        raise UserError('the page needs Gradio; install it with: pip install "relprop[demo]"')
