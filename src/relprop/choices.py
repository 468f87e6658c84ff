"""Which values a config takes, by key. A test holds the names against what the code accepts."""

from collections.abc import Mapping, Sequence
from math import inf

# Values that are names, by key, None where null means something.
CHOICES: Mapping[str, Sequence[str | None]] = {
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "accelerator": ("auto", "cpu", "gpu"),
    "trainer.precision": ("32-true", "16-mixed", "bf16-mixed"),
    "method.start": ("probability", "softmax", "logit", "one"),
    "method.bn": ("pass", "fold"),
    "method.bias": ("absorb", "ignore", "distribute", None),
    "method.dtype": ("float32", "float64", "bfloat16", "float16"),
    "method.memory_format": ("channels_last", "contiguous"),
    "method.gate": ("signal", "half", "derivative", None),
    "method.baseline": ("mean", "black"),
    "model.branch": ("layer1", "layer2", "layer3"),
    "memory_format": ("contiguous", "channels_last"),
    "cut": ("middle", "none"),
    "reduction": ("sum", "abs_sum", "positive_sum", "max", "luminance"),
    "postprocess.normalize.sign": ("all", "positive", "negative", "absolute"),
    "protocol.patch_relevance": ("max", "sum"),
    "protocol.ties": ("position", "together"),
    "protocol.schedule": ("step", "number", "growing"),
    "protocol.score": ("probability", "logit", "log_odds"),
    "protocol.area": ("fractions", "points", "aopc"),
    "metric.dtype": ("float32", "bfloat16", "float16"),
}

# What stands for a number that is only known when the run starts, by key.
INSTEAD_OF_NUMBERS: Mapping[str, Sequence[str | int]] = {"trainer.devices": ("auto", -1)}

# Names, by key, in whose place null means something, whatever stands there in a chosen experiment.
NULLABLE = ("weights",)

# Values that are names of a form, by key: the form, and how it is said.
PATTERNS: Mapping[str, tuple[str, str]] = {
    "trainer.max_time": (r"\d+:\d\d:\d\d:\d\d|null", "days:hours:minutes:seconds (such as 00:12:00:00)"),
    "window": (r"True|False|null", "true, false, null"),
    "freeze": (r"none|all_but_head|last_[1-9]\d*", "none, all_but_head, last_N (such as last_3)"),
}

# Numbers, by key: type, smallest and largest value, and whether null means something.
LIMITS: Mapping[str, tuple[type, float, float, bool]] = {
    "seed": (int, 0, 2**32 - 1, False),
    "images": (int, 1, inf, True),
    "sheet": (int, 1, inf, False),
    "batch_size": (int, 1, inf, False),
    "repeats": (int, 1, inf, False),
    "batch": (int, 1, inf, True),
    "threads": (int, 1, inf, True),
    "jobs": (int, 1, inf, True),
    "job_threads": (int, 1, inf, False),
    "worker": (int, 0, inf, False),
    "port": (int, 1, 65535, True),
    "dataset.batch_size": (int, 1, inf, False),
    "dataset.num_workers": (int, 0, inf, False),
    "dataset.epochs": (int, 1, inf, False),
    "dataset.per_class": (int, 1, inf, True),
    "dataset.image_size": (int, 1, inf, False),
    "trainer.max_epochs": (int, 1, inf, False),
    "trainer.devices": (int, 1, inf, False),
    "trainer.num_nodes": (int, 1, inf, False),
    "trainer.gradient_clip_val": (float, 0, inf, True),
    "trainer.accumulate_grad_batches": (int, 1, inf, False),
    "trainer.check_val_every_n_epoch": (int, 1, inf, False),
    "optimizer.lr": (float, 1e-12, inf, False),
    "optimizer.weight_decay": (float, 0, inf, False),
    "optimizer.momentum": (float, 0, 1, False),
    "optimizer.rho": (float, 1e-12, inf, False),
    "scheduler.warmup": (float, 0, 1, False),
    "scheduler.gamma": (float, 0, 1, False),
    "scheduler.factor": (float, 0, 1 - 1e-6, False),
    "scheduler.patience": (int, 0, inf, False),
    "label_smoothing": (float, 0, 1, False),
    "head_lr": (float, 1e-12, inf, True),
    "patience": (int, 1, inf, True),
    "ema": (float, 0, 1 - 1e-9, True),
    "model.width": (float, 1 / 16, 4, False),
    "method.relevance_filter": (float, 1e-12, 1, False),
    "method.gamma": (float, 0, inf, True),
    "method.eps": (float, 1e-12, inf, True),
    "method.max_batch": (int, 1, inf, False),
    "method.steps": (int, 1, inf, False),
    "method.samples": (int, 1, inf, False),
    "method.noise": (float, 0, inf, False),
    "method.window": (int, 1, inf, True),
    "method.stride": (int, 1, inf, True),
    "method.segments": (int, 2, inf, False),
    "method.masks": (int, 1, inf, False),
    "method.cells": (int, 2, inf, False),
    "method.probability": (float, 1e-6, 1 - 1e-6, False),
    "method.sigma": (float, 1e-6, inf, False),
    "method.seed": (int, 0, 2**32 - 1, False),
    "postprocess.normalize.outlier_percentile": (float, 0, 99.999, False),
    "postprocess.quantize.levels": (int, 2, inf, False),
    "postprocess.component.size": (int, 2, inf, False),
    "protocol.step": (int, 1, inf, True),
    "protocol.steps": (int, 1, inf, True),
    "protocol.patch": (int, 1, inf, False),
    "protocol.share": (float, 1e-12, 1, True),
    "metric.batch_size": (int, 1, inf, False),
    "metric.tolerance": (float, 0, inf, False),
    "metric.samples": (int, 1, inf, False),
    "metric.radius": (float, 1e-12, inf, False),
    "metric.stages": (int, 1, inf, True),
    "metric.seed": (int, 0, 2**32 - 1, False),
}
