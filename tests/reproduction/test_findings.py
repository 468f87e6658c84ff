"""What is said of the tables in qual/ are numbers of these tables."""

import csv
import re
from pathlib import Path

import pytest

from tests.configs import CONF

FINDINGS = sorted((CONF.parent / "qual").glob("*/FINDINGS.md"))


def numbers(folder: Path) -> list[float]:
    """All means and ends of intervals in a folder's tables."""
    values = []
    for path in folder.glob("*.csv"):
        with path.open() as file:
            for row in csv.DictReader(file):
                values += [float(v) for k, v in row.items() if k.endswith((" mean", " low", " high")) and v]
    return values


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.parent.name)
def test_numbers_are_the_tables(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = {f"{value:.3f}" for value in numbers(path.parent)}
    said = set(re.findall(r"[−-]?\d\.\d{3}(?! %)", text))
    gains = {"0.036", "0.099"} if path.parent.name == "cifar10_residual" else set()  # differences, tested below
    assert said
    assert {each.replace("−", "-") for each in said} - gains <= written


def test_gains_and_exchanges_on_cifar10_are_as_said() -> None:
    with (CONF.parent / "qual" / "cifar10_residual" / "methods.csv").open() as file:
        rows = list(csv.DictReader(file))
    ids = [
        (row["section"], row["method"], float(row["strict: ID mean"]), float(row["otsuki2024: ID mean"]))
        for row in rows
    ]
    gains = [theirs - strict for _, method, strict, theirs in ids if "quantized" not in method]
    assert (f"{min(gains):.3f}", f"{max(gains):.3f}") == ("0.036", "0.099")
    for network, exchanged in (("ResNet-20", 10), ("ResNet-56", 9)):
        shown = [
            (method, round(strict, 3), round(theirs, 3))
            for section, method, strict, theirs in ids
            if section == network
        ]
        pairs = [(a, b) for number, a in enumerate(shown) for b in shown[:number]]
        swapped = [(a, b) for a, b in pairs if (a[1] - b[1]) * (a[2] - b[2]) < 0]
        assert (len(pairs), len(swapped)) == (210, exchanged)
        assert sum("quantized" in a[0] + b[0] for a, b in swapped) == 8
