"""Options with which every method is quick; what they do is tested with each."""

from collections.abc import Mapping
from typing import Any

QUICK: Mapping[str, Mapping[str, Any]] = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 4},
    "vargrad": {"samples": 4},
    "occlusion": {"window": 16},
    "lime": {"samples": 20, "segments": 8},
    "rise": {"masks": 12},
}
