"""The number format of training, given what the device can do."""

HALF = {"16-mixed": "bf16-mixed", "16-true": "bf16-true"}


def resolve_precision(precision: str, on_cpu: bool) -> tuple[str, str | None]:
    """The precision to train with, and a sentence to log if it is not the one asked for.

    16-bit automatic mixed precision with loss scaling exists on GPUs only; a CPU takes bfloat16 instead, which needs
    no scaling since it has float32's range.
    """
    if not on_cpu or precision not in HALF:
        return precision, None
    instead = HALF[precision]
    return instead, f"precision {precision} does not exist on a CPU; training uses {instead}"
