from itertools import chain
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from torch import nn

from relprop.data import Batch, build_datamodule
from relprop.data.base import ImageDataModule
from relprop.data.memory import TensorImages
from relprop.data.order import EpochShuffle
from relprop.errors import UserError

pytestmark = [
    # Lightning advises worker processes on machines with many cores; images held in memory need none.
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    # Lightning 2.6 still builds its trees with a class that torch 2.14 deprecates.
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
]


class Ramp(ImageDataModule):
    """Twelve images per split whose value is 20 times their position; augmentation makes images black."""

    name, class_names, image_size = "ramp", ("even", "odd", "third"), 4
    mean, std = (0.2, 0.4, 0.6), (0.5, 0.25, 0.1)

    def load(self, split):
        images = (torch.arange(12, dtype=torch.uint8) * 20).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
        self.loaded = [*getattr(self, "loaded", []), split]
        return {split: TensorImages(images, torch.arange(12) % 3)}

    def augment(self, images, draws):
        return images * 0


class Recorder(L.LightningModule):
    """Keeps all batches it is given, by stage."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.batches: dict[str, list[Batch]] = {"train": [], "val": [], "test": []}

    def training_step(self, batch):
        self.batches["train"].append(batch)
        return batch.images.sum() * self.weight

    def validation_step(self, batch):
        self.batches["val"].append(batch)

    def test_step(self, batch):
        self.batches["test"].append(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture(scope="module")
def recorded():
    module, data = Recorder(), Ramp(batch_size=5)
    trainer = L.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    return module.batches, data


def test_trainer_gets_normalised_named_batches(recorded):
    batches, data = recorded
    (batch, *_) = batches["test"]
    assert isinstance(batch, Batch)
    assert batch.images.shape == (5, 3, 4, 4)
    assert (batch.images.dtype, batch.labels.dtype, batch.indices.dtype) == (torch.float32, torch.int64, torch.int64)
    value = batch.indices.view(-1, 1, 1, 1) * 20 / 255
    torch.testing.assert_close(data.denormalize(batch.images), value.expand(5, 3, 4, 4))
    expected = (value[:, 0, 0] - torch.tensor(data.mean)) / torch.tensor(data.std)
    torch.testing.assert_close(batch.images[:, :, 0, 0], expected)


def test_only_training_images_are_augmented(recorded):
    batches, data = recorded
    black = -torch.tensor(data.mean) / torch.tensor(data.std)
    for stage, expected in (("train", True), ("val", False), ("test", False)):
        images = torch.cat([batch.images for batch in batches[stage]])
        assert torch.allclose(images, black.view(1, 3, 1, 1)) is expected


def test_every_epoch_has_its_own_order(recorded):
    batches, data = recorded
    seen = torch.cat([batch.indices for batch in batches["train"]]).tolist()
    assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12))
    assert seen[:12] != seen[12:]
    second = EpochShuffle(data.split("train"), seed=0)
    second.set_epoch(1)
    assert seen[12:] == list(second)


def test_validation_and_test_keep_their_order(recorded):
    batches, _ = recorded
    assert torch.cat([batch.indices for batch in batches["val"]]).tolist() == [*range(12)] * 2
    assert torch.cat([batch.indices for batch in batches["test"]]).tolist() == [*range(12)]
    assert all(torch.equal(batch.labels, batch.indices % 3) for batch in batches["test"])


def test_each_split_is_read_once_and_only_when_needed(recorded):
    assert recorded[1].loaded == ["train", "val", "test"]


def test_order_depends_on_seed_and_epoch_only():
    orders = {(seed, epoch): _order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    torch.manual_seed(123)
    assert all(_order(seed, epoch) == order for (seed, epoch), order in orders.items())
    assert len(set(map(tuple, orders.values()))) == 4


def _order(seed, epoch):
    sampler = EpochShuffle(TensorImages(torch.zeros(50, 3, 1, 1), torch.zeros(50)), seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_limit_is_balanced_and_keeps_the_indices_of_the_split():
    limited, whole = Ramp(limit=6, batch_size=4), Ramp()
    batches = [limited.on_after_batch_transfer(batch) for batch in limited.test_dataloader()]
    indices = torch.cat([batch.indices for batch in batches])
    assert indices.tolist() == sorted(indices.tolist())
    assert torch.cat([batch.labels for batch in batches]).bincount().tolist() == [2, 2, 2]
    (everything,) = [whole.on_after_batch_transfer(batch) for batch in whole.test_dataloader()]
    assert torch.equal(torch.cat([batch.images for batch in batches]), everything.images[indices])


@pytest.mark.parametrize("limit", [12, 100, None])
def test_limit_beyond_the_split_takes_all(limit):
    (batch,) = Ramp(limit=limit).test_dataloader()
    assert batch.indices.tolist() == list(range(12))


def test_setup_without_a_stage_reads_all():
    data = Ramp()
    data.setup()
    assert data.loaded == ["train", "val", "test"]


def test_workers_are_not_started_for_images_in_memory():
    assert build_datamodule("digits", num_workers=4).test_dataloader().num_workers == 0


def test_per_class_and_limit_exclude_each_other():
    with pytest.raises(UserError, match="limit=6 and per_class=2 both choose test images"):
        Ramp(limit=6, per_class=2)
    data = Ramp(per_class=2, batch_size=4)
    assert data.test_size == 6 and [len(batch) for batch in data.test_batches()] == [4, 2]
    served = torch.cat([batch.indices for batch in data.test_dataloader()])
    assert served.tolist() == [*chain(*data.test_batches())]
    assert (served % 3).bincount().tolist() == [2, 2, 2]


def test_another_size_of_images_that_have_one_is_refused():
    with pytest.raises(UserError, match="image_size=64 was given, but the images of digits have 32"):
        build_datamodule("digits", image_size=64)


def under_trainer(data, process=0, processes=1, device="cpu"):
    strategy = SimpleNamespace(root_device=torch.device(device))
    data.trainer = SimpleNamespace(global_rank=process, world_size=processes, training=False, strategy=strategy)
    return data


class Few(Ramp):
    """So many images in its splits."""

    def __init__(self, train=12, val=12, test=12, **options):
        super().__init__(**options)
        self.counts = {"train": train, "val": val, "test": test}

    def load(self, split):
        (images,) = super().load(split).values()
        return {split: TensorImages(images.images[: self.counts[split]], images.labels[: self.counts[split]])}


@pytest.mark.parametrize(
    ("counts", "stage", "kind"),
    [
        ({"train": 0}, "fit", "training"),
        ({"val": 0}, "fit", "validation"),
        ({"val": 0}, "validate", "validation"),
        ({"test": 0}, "test", "test"),
    ],
)
def test_a_split_without_images_is_refused(counts, stage, kind):
    with pytest.raises(UserError, match=f"dataset=ramp has no {kind} images"):
        Few(**counts).setup(stage)


def test_what_a_stage_does_not_need_may_have_no_images():
    Few(train=0, val=0).setup("test")
    Few(test=0).setup("fit")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (Few(val=2), "ramp has 2 validation images, fewer than the 3 processes that share them; take 2 or fewer"),
        (Few(test=1), "ramp has 1 test image, fewer than the 3 processes"),
        (Few(limit=2), "ramp has 2 test images, fewer"),
        (Few(test=0), "ramp has no test images"),
    ],
)
def test_fewer_images_than_processes_are_refused_before_a_training(data, says):
    with pytest.raises(UserError, match=says):
        under_trainer(data, 1, 3).setup("fit")


def test_as_many_images_as_processes_are_enough():
    under_trainer(Few(train=1, val=3, test=3), 1, 3).setup("fit")


def test_images_to_be_explained_may_be_fewer_than_processes():
    """Explaining gives out batches, and a process may have none."""
    under_trainer(Few(test=1), 1, 3).setup("test")


def test_memory_is_pinned_for_a_trainer_on_a_gpu_alone(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert not Ramp().val_dataloader().pin_memory
    assert not under_trainer(Ramp()).val_dataloader().pin_memory
    assert under_trainer(Ramp(), device="cuda:0").val_dataloader().pin_memory


def test_processes_share_test_and_validation_images_without_repeating_any():
    parts = []
    for process in range(3):
        data = under_trainer(Ramp(batch_size=3), process, 3)
        loaders = (data.val_dataloader(), data.test_dataloader())
        parts.append([torch.cat([batch.indices for batch in loader]).tolist() for loader in loaders])
    assert [sorted(chain(*(part[i] for part in parts))) for i in range(2)] == [list(range(12))] * 2
