import random
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import wilcoxon

from relprop.comparison.pairs import PairedScore, compare
from relprop.errors import UserError
from tests.comparison.results import BETTER, rows


def compared(first: list[float], second: list[float], **options: Any) -> PairedScore:
    return compare(rows(first), rows(second), {"insertion": "higher"}, seed=0, **options)["insertion"]


def test_four_images_by_hand() -> None:
    paired = compare(rows([0.5, 0.75, 0.5, 1.0]), rows([0.25, 0.25, 0.75, 1.0]), BETTER, seed=0)
    insertion, deletion = paired["insertion"], paired["deletion"]
    assert (insertion.n, insertion.better, deletion.better) == (4, "higher", "lower")
    assert insertion.first["mean"] == 0.6875
    assert insertion.second["mean"] == 0.5625
    assert insertion.difference["mean"] == 0.125
    assert insertion.difference["std"] == pytest.approx((0.0625 + 0.25 + 0.0625 - 4 * 0.125**2) ** 0.5 / 3**0.5)
    assert (insertion.first_better, insertion.second_better, insertion.equal) == (0.5, 0.25, 0.25)
    assert (deletion.first_better, deletion.second_better, deletion.equal) == (0.25, 0.5, 0.25)
    # Ranks 1.5 (+), 1.5 (−), 3 (+): of the 8 ways to sign them, all but 6 − 3 = 3 lie as far off the middle as 4.5.
    assert insertion.p == 0.75


def test_p_is_scipys_of_both_samples() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(40), generator.random(40)
    assert compared(first.tolist(), second.tolist()).p == pytest.approx(wilcoxon(first, second).pvalue)


def test_images_are_resampled_in_pairs() -> None:
    """Means that vary a lot from image to image, but together, leave a narrow interval of their difference."""
    generator = np.random.default_rng(0)
    second = generator.normal(0.5, 0.3, 50)
    first = second + generator.normal(0.1, 0.01, 50)
    paired = compared(first.tolist(), second.tolist())
    low, high = paired.difference["interval"]
    literal = generator.choice(first - second, (5000, 50)).mean(1)
    assert (low, high) == pytest.approx(np.quantile(literal, (0.025, 0.975)), abs=0.1 * (high - low))
    assert high - low < 0.1 * (paired.first["interval"][1] - paired.first["interval"][0])


def test_swapped_order_changes_the_sign() -> None:
    generator = np.random.default_rng(0)
    first, second = (generator.integers(0, 9, 9) / 8).tolist(), (generator.integers(0, 9, 9) / 8).tolist()
    one, other = compared(first, second), compared(second, first)
    assert one.difference["mean"] == -other.difference["mean"] != 0
    assert (one.first, one.first_better, one.equal) == (other.second, other.second_better, other.equal)
    assert one.p == pytest.approx(other.p)
    low, high = other.difference["interval"]
    assert one.difference["interval"] == pytest.approx([-high, -low])


def test_identical_methods() -> None:
    paired = compared([0.2, 0.4, 0.9], [0.2, 0.4, 0.9])
    assert (paired.p, paired.equal, paired.first_better, paired.second_better) == (1, 1, 0, 0)
    assert paired.difference == {"mean": 0, "std": 0, "interval": [0, 0]}


def test_rows_in_another_order() -> None:
    generator = np.random.default_rng(0)
    first, second = rows(generator.random(20).tolist()), rows(generator.random(20).tolist())
    shuffle = random.Random(0)
    shuffled = [shuffle.sample(one, 20) for one in (first, second)]
    assert compare(*shuffled, BETTER, seed=0) == compare(first, second, BETTER, seed=0)


def test_seed_decides_the_interval() -> None:
    generator = np.random.default_rng(0)
    first, second = rows(generator.random(20).tolist()), rows(generator.random(20).tolist())
    one, again, other = (compare(first, second, BETTER, seed)["insertion"].difference for seed in (1, 1, 2))
    assert one == again
    assert one["interval"] != other["interval"]


def test_same_network_on_another_device() -> None:
    assert compare(rows([0.5]), rows([0.4], probability=0.90001), BETTER, 0)["insertion"].n == 1


SAME = [0.1, 0.2, 0.3]
WITHOUT_DELETION = [{key: value for key, value in row.items() if key != "deletion"} for row in rows(SAME)]
REFUSED = [
    (rows([0.1] * 9)[:2], rows([0.1] * 9)[2:], "2 images of A are not in B (0, 10) and 7 images of B are not in A"),
    (rows([0.1] * 9)[:2], rows([0.1] * 9)[2:], "(20, 30, 40, 50, 60, …); score both on the same images"),
    (rows(SAME), rows(SAME)[:2], "1 images of A are not in B (20); score both on the same images"),
    (rows(SAME), [*rows(SAME), rows(SAME)[1]], "B has image 10 twice"),
    ([], [], "A and B have no images"),
    (rows(SAME), rows(SAME, dataset="cifar10"), "image 0: dataset is digits in A, cifar10 in B; score both with"),
    (rows(SAME), rows(SAME, model="vgg11"), "image 0: model is resnet20 in A, vgg11 in B"),
    (rows(SAME), rows(SAME, protocol="otsuki2024"), "image 0: protocol is strict in A, otsuki2024 in B"),
    (rows(SAME), rows(SAME, label=0), "image 10: label is 1 in A, 0 in B"),
    (rows(SAME), rows(SAME, target=0), "image 10: target is 1 in A, 0 in B"),
    (rows(SAME), rows(SAME, predicted=0), "image 10: predicted is 1 in A, 0 in B"),
    (rows(SAME), rows(SAME, fractions=[0.0, 1.0]), "fractions is 3 values up to 1.0 in A, 2 values up to 1.0 in B"),
    (rows(SAME), rows(SAME, probability=0.8), "image 0: probability is 0.9000 in A, 0.8000 in B, so their weights"),
    (rows(SAME), WITHOUT_DELETION, "image 0 has no deletion in B; score both with the same metric"),
]


@pytest.mark.parametrize(("first", "second", "message"), REFUSED)
def test_what_cannot_be_compared_is_refused(first: list[Any], second: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as refusal:
        compare(first, second, BETTER, seed=0, names=("A", "B"))
    assert "\n" not in str(refusal.value)


def test_images_without_a_number_are_left_out_and_counted() -> None:
    first, second = rows([0.1, float("nan"), 0.3, 0.5, 0.2]), rows([0.2, 0.1, 0.1, 0.1, 0.2])
    second[3]["insertion"] = None
    whole = compare([first[i] for i in (0, 2, 4)], [second[i] for i in (0, 2, 4)], BETTER, 0)["insertion"]
    assert compare(first, second, BETTER, seed=0)["insertion"] == replace(whole, undefined=2)
    assert whole.undefined == 0


def test_score_that_no_image_has() -> None:
    paired = compare(rows([float("nan")] * 3), rows(SAME), {"insertion": "higher"}, seed=0)["insertion"]
    nothing = {"mean": None, "std": None, "interval": None}
    assert (paired.n, paired.undefined, paired.p, paired.difference) == (0, 3, 1, nothing)
    assert (paired.first_better, paired.second_better, paired.equal) == (None, None, None)


def test_score_without_a_better_direction() -> None:
    paired = compare(rows(SAME), rows([0.1, 0.1, 0.1]), {"insertion": "neither"}, seed=0)["insertion"]
    assert (paired.first_better, paired.second_better, paired.equal) == (None, None, pytest.approx(1 / 3))


def test_unknown_direction() -> None:
    with pytest.raises(UserError, match="better: insertion=up is unknown; choose one of: higher, lower, neither"):
        compare(rows(SAME), rows(SAME), {"insertion": "up"}, seed=0)
