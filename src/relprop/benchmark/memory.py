"""How much memory tensors take: at the peak of a call, and held by an object for good."""

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, UntypedStorage, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEGABYTE = 2**20


def peak_memory(call: Callable[[], Any], device: torch.device) -> int:
    """Bytes that the tensors made during `call` took at most at one time, beyond what was there before.

    On a GPU the allocator says so. On a CPU every tensor that an operation returns counts until the last reference to
    its memory is gone, those that autograd saves included; what an operation takes and frees within itself does not.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    live = _LiveStorages()
    with live:
        call()
    return live.peak


def peaks(call: Callable[[], Any], baseline: Callable[[], Any], device: torch.device) -> dict[str, float]:
    """Memory at the peak of a call and of its baseline's, which nobody times."""
    own, other = (peak_memory(side, device) / MEGABYTE for side in (call, baseline))
    return {"peak_memory_ratio": own / other, "peak_megabytes": own, "baseline_peak_megabytes": other}


class _LiveStorages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation and adds up the memory that operations have made and that something still refers to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._sizes: dict[int, int] = {}
        self._ends: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for storage in _storages((args, kwargs)):
            self._meet(storage, 0)  # unless an operation has made it, it was there before
        result = func(*args, **(kwargs or {}))
        for storage in _storages(result):
            self._meet(storage, storage.nbytes())
        self.peak = max(self.peak, sum(self._sizes.values()))
        return result

    def _meet(self, storage: UntypedStorage, size: int) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = size
            self._ends[key] = weakref.ref(storage, lambda _: self._forget(key))

    def _forget(self, key: int) -> None:
        del self._sizes[key], self._ends[key]


def held_megabytes(holder: object, model: nn.Module) -> float:
    """Memory of all tensors that `holder` refers to, but for those that share it with weights of `model`."""
    own = {storage._cdata for storage in _storages([*model.parameters(), *model.buffers()])}
    held = {s._cdata: s.nbytes() for s in _storages(list(_tensors(holder, set()))) if s._cdata not in own}
    return sum(held.values()) / MEGABYTE


def _tensors(value: Any, seen: set[int]) -> Iterator[Tensor]:
    """All tensors that can be reached from `value`, modules left aside."""
    if id(value) in seen or isinstance(value, nn.Module | type):
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _tensors(item, seen)
    elif not callable(value) or type(value).__module__.startswith("relprop."):
        yield from _tensors(getattr(value, "__dict__", {}), seen)


def _storages(tree: Any) -> list[UntypedStorage]:
    """The memory of the tensors in nested lists, tuples and dicts, those of the meta device, which have none, aside."""
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and not leaf.is_meta]
