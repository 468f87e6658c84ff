import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection

from relprop.metrics import Complexity, InsertionDeletion, Localization

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
BLACK = -torch.tensor(MEAN) / torch.tensor(STD)


def classifier(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
    )


def metric(model: nn.Module, **options: object) -> InsertionDeletion:
    return InsertionDeletion(model, mean=MEAN, std=STD, **options)


def test_identical_masks_run_once() -> None:
    model = classifier().eval()
    heatmaps = torch.randint(0, 4, (2, 16, 16)).float()
    quantized = metric(model, protocol="otsuki2024", step=2)
    quantized.update(torch.randn(2, 3, 16, 16), heatmaps, torch.tensor([0, 1]))
    assert quantized.requested == 2 * 2 * 128
    assert quantized.forwards <= 2 * 2 * 4


def test_strict_ends_at_the_image_and_at_black() -> None:
    model = classifier().eval()
    images, target = torch.randn(2, 3, 8, 8), torch.tensor([0, 4])
    result = metric(model, step=10)
    result.update(images, torch.rand(2, 8, 8), target)
    with torch.no_grad():
        full = model(images).softmax(1).gather(1, target.unsqueeze(1)).flatten().tolist()
        black = (
            model(BLACK.view(3, 1, 1).expand_as(images)).softmax(1).gather(1, target.unsqueeze(1)).flatten().tolist()
        )
    for i, row in enumerate(result.rows):
        assert row["fractions"][0] == 0
        assert row["fractions"][-1] == 1
        assert (row["insertion_curve"][0], row["insertion_curve"][-1]) == pytest.approx((black[i], full[i]), abs=1e-6)
        assert (row["deletion_curve"][0], row["deletion_curve"][-1]) == pytest.approx((full[i], black[i]), abs=1e-6)


def test_default_step_is_the_published_share_of_pixels() -> None:
    result = metric(classifier().eval())
    result.update(torch.randn(1, 3, 96, 96), torch.rand(1, 96, 96), torch.tensor([0]))
    assert result.rows[0]["fractions"][1] == pytest.approx(500 / 224**2, rel=0.01)  # 92 of 9,216 pixels


def test_means_over_several_updates_and_reset() -> None:
    model, images, heatmaps = classifier().eval(), torch.randn(4, 3, 8, 8), torch.rand(4, 8, 8)
    target = torch.tensor([0, 1, 2, 3])
    once, twice = metric(model), metric(model)
    once.update(images, heatmaps, target)
    twice.update(images[:1], heatmaps[:1], target[:1])
    twice.update(images[1:], heatmaps[1:], target[1:])
    assert twice.compute() == pytest.approx(once.compute(), abs=1e-6)
    assert [row["target"] for row in twice.rows] == [0, 1, 2, 3]
    once.reset()
    assert once.rows == []


def test_model_is_left_as_it_was_and_not_carried_along() -> None:
    model = classifier().train()
    result = metric(model)
    before = copy.deepcopy(model.state_dict())
    result.update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not list(result.parameters())
    assert not result.state_dict()


def test_constant_heatmap_warns_and_strict_stays_exact() -> None:
    result = metric(classifier().eval(), step=16)
    with pytest.warns(UserWarning, match="constant heatmap"):
        result.update(torch.randn(1, 3, 8, 8), torch.zeros(1, 8, 8), torch.tensor([0]))
    assert result.rows[0]["fractions"] == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("images", "heatmaps", "target", "message"),
    [
        ((2, 1, 8, 8), torch.rand(2, 8, 8), [0, 1], r"\(N, 3, H, W\)"),
        ((2, 3, 8, 8), torch.rand(2, 4, 4), [0, 1], r"= \(2, 8, 8\) like the images, not \(2, 4, 4\)"),
        ((2, 3, 8, 8), torch.full((2, 8, 8), torch.nan), [0, 1], r"heatmaps \[0, 1\] contain NaN"),
        ((2, 3, 8, 8), torch.rand(2, 8, 8), [0, 5], r"target classes must be in 0…4, not \[0, 5\]"),
        ((2, 3, 8, 8), torch.rand(2, 8, 8), [0], r"class indices \(2,\)"),
        ((2, 3, 8, 8), torch.rand(2, 8, 8), [0.0, 1.0], "class indices"),
    ],
)
def test_bad_input_is_refused(images, heatmaps: Tensor, target: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(classifier()).update(torch.randn(images), heatmaps, torch.tensor(target))


def test_nan_images_are_refused_by_index() -> None:
    images = torch.randn(3, 3, 8, 8)
    images[1, 0, 2, 2] = torch.nan
    with pytest.raises(ValueError, match=r"images \[1\] contain NaN"):
        metric(classifier()).update(images, torch.rand(3, 8, 8), torch.tensor([0, 1, 2]))


def test_heatmaps_of_another_size_are_resized_only_when_asked_for() -> None:
    model, images, target = classifier().eval(), torch.randn(1, 3, 8, 8), torch.tensor([0])
    small = torch.rand(1, 4, 4)
    resized, given = metric(model, step=4, resize=True), metric(model, step=4)
    resized.update(images, small, target)
    given.update(images, F.interpolate(small.unsqueeze(1), (8, 8), mode="bilinear").squeeze(1), target)
    assert resized.rows == given.rows


def test_images_that_are_not_normalised_are_refused_or_warned_of() -> None:
    raw, heatmaps, target = torch.rand(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0])
    with pytest.raises(ValueError, match=r"channel 0 of the images lies in .* put black at -2.5 and white at 2.5"):
        metric(classifier()).update(raw * 255, heatmaps, target)
    with pytest.warns(UserWarning, match="as if the images were not normalised"):
        metric(classifier()).update(raw, heatmaps, target)
    with pytest.raises(ValueError, match="images are empty"):
        metric(classifier()).update(raw[:0], heatmaps[:0], target[:0])


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="protocol=nope is unknown; choose one of: strict, otsuki2024"):
        metric(classifier(), protocol="nope")
    with pytest.raises(ValueError, match="step=0 must be at least 1"):
        metric(classifier(), step=0)
    one_point = metric(classifier(), protocol="otsuki2024", step=64)
    with pytest.raises(ValueError, match="step=64 leaves one point for 64 patches"):
        one_point.update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    with pytest.raises(ValueError, match="patch=9 is larger than the images, 8×8 pixels"):
        metric(classifier(), patch=9).update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    with pytest.raises(ValueError, match="no images have been scored"), pytest.warns(UserWarning, match="before the"):
        metric(classifier()).compute()


def test_images_of_another_size_are_refused() -> None:
    result = metric(classifier(), step=10)
    result.update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    for size in ((9, 9), (6, 11)):  # the second has as many points as the first image
        with pytest.raises(ValueError, match="score images of one size"):
            result.update(torch.randn(1, 3, *size), torch.rand(1, *size), torch.tensor([0]))
    assert len(result.rows) == 1


def test_otsuki2024_says_what_share_of_pixels_its_points_show() -> None:
    """Point i shows the pixels down to rank min(step·i, n−1), that one included."""
    result = metric(classifier(), protocol="otsuki2024", step=16)
    result.update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    assert result.rows[0]["fractions"] == [17 / 64, 33 / 64, 49 / 64, 1.0]


def test_pickles_with_its_model() -> None:
    result = metric(classifier().eval(), step=10)
    result.update(torch.randn(1, 3, 8, 8), torch.rand(1, 8, 8), torch.tensor([0]))
    assert pickle.loads(pickle.dumps(result)).compute() == result.compute()


def test_is_a_torchmetric_as_others_are() -> None:
    """Called, cloned, collected: the same numbers."""
    model, images, heatmaps = classifier().eval(), torch.randn(2, 3, 8, 8), torch.rand(2, 8, 8)
    target = torch.tensor([0, 1])
    plain, called = metric(model, step=8), metric(model, step=8)
    plain.update(images, heatmaps, target)
    assert called(images[:1], heatmaps[:1], target[:1])["id"] == pytest.approx(plain.rows[0]["id"], abs=1e-6)
    called(images[1:], heatmaps[1:], target[1:])
    assert called.compute() == pytest.approx(plain.compute(), abs=1e-6)
    collection = MetricCollection({"faithful": called.clone(), "complex": Complexity(model)})
    collection.update(images, heatmaps, target)
    assert collection.compute()["id"] == pytest.approx(plain.compute()["id"], abs=1e-6)


def test_metrics_that_agree_on_one_batch_are_not_taken_for_the_same() -> None:
    """torchmetrics' collections update one metric of those with equal states."""
    model, boxes = classifier().eval(), torch.tensor([[0.0, 0, 2, 2]])
    heatmap = torch.zeros(1, 8, 8)
    heatmap[0, 0, 3] = 1
    strict, tolerant = Localization(model), Localization(model, tolerance=3)
    collection = MetricCollection({"strict": strict, "tolerant": tolerant})
    for moved in (heatmap.roll(-3, 2), heatmap):  # inside the box for both; outside for one
        collection.update(torch.randn(1, 3, 8, 8), moved, torch.tensor([0]), boxes)
    assert strict.compute()["pointing_game"] == 0.5
    assert collection["tolerant"].compute()["pointing_game"] == 1
