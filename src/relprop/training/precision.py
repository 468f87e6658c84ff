"""The number format of training, given what the device can do."""


def resolve_precision(precision: str, on_cpu: bool) -> tuple[str, str | None]:
    """The precision to use, and a sentence to log if it is not the one asked for.

    16-bit automatic mixed precision with loss scaling exists on GPUs only; a CPU takes bfloat16 instead, which needs
    no scaling since it has float32's range.
    """
    if on_cpu and precision == "16-mixed":
        return "bf16-mixed", "precision 16-mixed does not exist on a CPU; using bf16-mixed"
    return precision, None
