"""The number format of training, given what the device can do."""

import torch

# Instructions that multiply bfloat16, as torch names them: of x86 and of ARM.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def resolve_precision(precision: str, on_cpu: bool) -> tuple[str, str | None]:
    """The precision to use, and a sentence to log if it is not the one asked for, or slow here.

    16-bit automatic mixed precision with loss scaling exists on GPUs only; a CPU takes bfloat16 instead, which needs
    no scaling since it has float32's range. A CPU that cannot multiply bfloat16 converts back and forth.
    """
    if not on_cpu or precision == "32-true":
        return precision, None
    said = []
    if precision == "16-mixed":
        precision = "bf16-mixed"
        said.append("precision 16-mixed does not exist on a CPU; using bf16-mixed")
    if not _multiplies_bfloat16():
        said.append(f"this CPU has no bfloat16 instructions, so that {precision} is slower here than 32-true")
    return precision, "; ".join(said) or None


def _multiplies_bfloat16() -> bool:
    """Whether the CPU has such instructions; taken for granted where torch does not tell, as some releases do not."""
    tell = getattr(torch.cpu, "get_capabilities", None)
    return tell is None or any(tell().get(name) for name in _BFLOAT16)
