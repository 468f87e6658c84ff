import numpy as np
import pytest
import torch
from lightning.fabric.utilities import move_data_to_device
from PIL import Image
from tests.data.small_cub import CLASSES, data_of, small_cub

from relprop.data import build_datamodule
from relprop.data.birds import BIRDS, PARTS
from relprop.errors import UserError

# Of their training images those with the lowest SHA-256 of the seed, 0, a space, and their names below images/.
HELD_OUT = ["0022", "0028", "0010", "0025", "0004", "0020"]
OFFICIAL = {
    1: "Black_footed_Albatross",
    50: "Eared_Grebe",
    87: "Mallard",
    141: "Artic_Tern",
    200: "Common_Yellowthroat",
}


@pytest.fixture
def folder(tmp_path):
    return small_cub(tmp_path / "CUB_200_2011")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_label_is_the_official_number_whatever_classes_are_there(folder):
    data = data_of(folder, batch_size=100)
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        (batch,) = loader
        assert sorted(set(batch.labels.tolist())) == [2, 21, 199]
        assert torch.equal(batch.images[:, 0, 0, 0].long(), batch.labels + 1)
        assert batch.images.shape[1:] == (3, 224, 224)
        assert sorted(batch.indices.tolist()) == list(range(len(batch.labels)))
    assert {data.class_names[i] for i in (2, 21, 199)} == {name.replace("_", " ") for name in CLASSES.values()}


def test_names_are_the_official_200(folder):
    assert len(BIRDS) == len(set(BIRDS)) == build_datamodule("cub").num_classes == 200
    assert {number: BIRDS[number - 1] for number in OFFICIAL} == OFFICIAL


def test_test_images_are_the_official_ones_in_their_order(folder):
    names = [f"{bird:03}.{name}/{name}_{i:04}.png" for bird, name in CLASSES.items() for i in range(0, 30, 3)]
    assert data_of(folder).split("test").names.tolist() == names


def test_a_tenth_of_each_class_is_held_out_of_the_training_images(folder):
    data = data_of(folder)
    train, val = data.split("train"), data.split("val")
    assert val.labels.bincount()[[2, 21, 199]].tolist() == [2, 2, 2]
    assert train.labels.bincount()[[2, 21, 199]].tolist() == [18, 18, 18]
    names = {*train.names.tolist(), *val.names.tolist()}
    assert len(names) == 60 and not names & set(data.split("test").names.tolist())


def test_held_out_images_stay_the_same(folder):
    """Pinned, since a changed choice would mix images that a checkpoint has seen into its validation."""
    held_out = data_of(folder).split("val").names.tolist()
    assert [name[-8:-4] for name in held_out] == HELD_OUT
    for file in folder.glob("*.txt"):  # the other classes first, then without one of them
        file.write_text("\n".join(reversed(file.read_text().splitlines())))
    assert sorted(data_of(folder).split("val").names.tolist()) == held_out
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if "003." not in line]
    (folder / "images.txt").write_text("\n".join(lines))
    assert sorted(data_of(folder).split("val").names.tolist()) == held_out[2:]


def test_each_seed_holds_out_others_and_in_the_end_all(folder):
    chosen = [frozenset(data_of(folder, seed=seed).split("val").names.tolist()) for seed in range(60)]
    assert len(set(chosen)) == 60
    assert all(len(names) == 6 for names in chosen)
    assert len(frozenset.union(*chosen)) == 60
    assert data_of(folder, seed=59).split("test").names.tolist() == data_of(folder).split("test").names.tolist()


def test_a_single_training_image_is_trained_on(folder):
    rows = [f"{i} {int(i == 2)}" for i in range(1, 91)]
    (folder / "train_test_split.txt").write_text("\n".join(rows))
    data = data_of(folder)
    assert [len(data.split(split)) for split in ("train", "val", "test")] == [1, 0, 89]


# Python warns of any fork in a process with threads, as torch's is.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("num_workers", [0, 1])
def test_boxes_come_with_val_and_test_and_reach_the_device(folder, num_workers):
    data = data_of(folder, batch_size=100, num_workers=num_workers)
    (train,), (val,), (test,) = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    assert train.boxes is None
    assert val.boxes.shape == (6, 4)
    image = torch.tensor([30 * bird + i + 1 for bird in range(3) for i in range(0, 30, 3)]).float()
    corner = torch.stack([image - 16, image + 0.5 - 16], 1)  # of 256 pixels 16 are cut off at each side
    expected = torch.cat([corner, corner + torch.tensor([100, 80])], 1).clamp(min=0)
    torch.testing.assert_close(test.boxes, expected, rtol=0, atol=1e-4)
    moved = move_data_to_device(data.on_after_batch_transfer(test), torch.device("meta"))
    assert moved.boxes.device.type == "meta"
    assert (data.on_after_batch_transfer(test).boxes == test.boxes).all()
    assert move_data_to_device(train, torch.device("meta")).boxes is None


def test_parts_come_with_val_and_test(folder):
    data = data_of(folder, batch_size=100)
    (train,), (val,), (test,) = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    assert train.parts is None
    assert val.parts.shape == (6, 15, 3) and len(data.part_names) == 15
    expected = torch.zeros(30, 15, 3)
    images = [30 * bird + i + 1 for bird in range(3) for i in range(0, 30, 3)]
    for row, image in enumerate(images):
        for k in range(1 + image % 15, 16):
            place = image + 10 * k - 16  # of 256 pixels 16 are cut off at each side
            if 0 <= place < 224 - 0.25:
                expected[row, k - 1] = torch.tensor([place, place + 0.25, 1])
    torch.testing.assert_close(test.parts, expected, rtol=0, atol=1e-4)
    assert 0 < expected[..., 2].sum() < 30 * 15
    moved = move_data_to_device(data.on_after_batch_transfer(test), torch.device("meta"))
    assert moved.parts.device.type == "meta"
    assert (data.on_after_batch_transfer(test).parts == test.parts).all()


def test_without_parts_there_are_boxes_and_a_word_about_it(folder, caplog):
    path = folder / "parts" / "part_locs.txt"
    path.unlink()
    path.parent.rmdir()
    data = data_of(folder, batch_size=100)
    with caplog.at_level("INFO", "relprop.data.cub"):
        data.setup()
        (test,) = data.test_dataloader()
    assert test.parts is None and test.boxes.shape == (30, 4)
    assert caplog.messages == [f"{path} is missing: the birds come without their parts"]


def test_boxes_and_parts_of_another_size(folder):
    (whole,), (half,) = (data_of(folder, batch_size=100, image_size=size).test_dataloader() for size in (224, 112))
    assert half.images.shape == (30, 3, 112, 112)
    torch.testing.assert_close(half.boxes, whole.boxes / 2, rtol=0, atol=1e-4)
    assert torch.equal(half.parts[..., 2], whole.parts[..., 2])
    torch.testing.assert_close(half.parts[..., :2], whole.parts[..., :2] / 2, rtol=0, atol=1e-4)


def test_training_images_are_mirrored_and_cut_by_chance(folder):
    gradient = torch.arange(224.0).expand(4, 3, 224, 224)
    data = data_of(folder)
    changed = data.augment(gradient, torch.tensor([[0.1], [0.9], [0.4], [0.6]]))
    assert sorted(changed[:, 0, 0, 0].tolist()) == [0, 0, 223, 223]
    images = data.split("train")
    Image.linear_gradient("L").save(folder / "images" / images.names[0])
    cuts = []
    for epoch in (0, 1, 0):
        images.epoch.fill_(epoch)
        cuts.append(images.__getitems__([0]).images)
    assert torch.equal(cuts[0], cuts[2]) and not torch.equal(cuts[0], cuts[1])


def test_missing_image_and_missing_class_are_named(folder):
    file = folder / "images" / "003.Sooty_Albatross" / "Sooty_Albatross_0004.png"
    file.unlink()
    with pytest.raises(UserError, match=f"{file} is missing, but images.txt lists it"):
        data_of(folder).setup("test")
    for other in file.parent.iterdir():
        other.unlink()
    with pytest.raises(UserError, match=f"The class folder {file.parent} is empty"):
        data_of(folder).setup("test")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", "003.Sooty_Albatross/", "001.Sooty_Albatross/", r"lists 001\.Sooty_Albatross/.*such as 001\.Bl"),
        ("images.txt", "31 022", "31 a b 022", "line 31, must hold an image's number and 1 more, not '31 a b"),
        ("images.txt", "31 022", "\n31 022", "line 31, must hold an image's number and 1 more, not ''"),
        ("train_test_split.txt", "\n31 0\n", "\n", "train_test_split.txt has no line for image 31 of images.txt"),
        ("parts/part_locs.txt", "\n31 4 71.0 71.25 1\n", "\n", "no line for image 31, part 4 of images.txt"),
        ("parts/part_locs.txt", "\n31 4 71.0", "\n31 4", "line 454, must hold an image's number and 4 more"),
        ("bounding_boxes.txt", "31.0 31.5 100.0 80.0", "31.0 31.5 100.0", "line 31, must hold .* number and 4 more"),
        ("bounding_boxes.txt", "31 31.0", "31 left", r"must hold numbers only \(could not convert .*'left'\)"),
    ],
)
def test_damaged_lists_are_named(folder, file, old, new, message):
    edit(folder / file, old, new)
    with pytest.raises(UserError, match=message) as caught:
        data_of(folder).setup("test")
    assert str(caught.value).startswith(str(folder / file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("split", "image"), [("test", "0000"), ("train", "0001")])
def test_corrupt_image_is_named(folder, split, image):
    """And is to be replaced: if it were deleted, images.txt would still list it."""
    file = folder / "images" / "003.Sooty_Albatross" / f"Sooty_Albatross_{image}.png"
    file.write_bytes(b"not a picture")
    with pytest.raises(UserError, match=rf"^{file} cannot be decoded as an image \(\w+\); replace the file\.$"):
        list(getattr(data_of(folder), f"{split}_dataloader")())


@pytest.mark.data
def test_real_lists(data_dir):
    folder = data_dir / "CUB_200_2011"
    data = build_datamodule("cub", data_dir=data_dir)
    splits = {split: data.split(split) for split in ("train", "val", "test")}
    official = dict(line.split() for line in (folder / "image_class_labels.txt").read_text().splitlines())
    numbers = {name: i for i, name in (line.split() for line in (folder / "images.txt").read_text().splitlines())}
    for images in splits.values():
        assert images.labels.tolist() == [int(official[numbers[name]]) - 1 for name in images.names.tolist()]
    for line in (folder / "classes.txt").read_text().splitlines():
        number, name = line.split()
        assert f"{int(number):03}.{BIRDS[int(number) - 1]}" == name
    trained = sum(line.endswith(" 1") for line in (folder / "train_test_split.txt").read_text().splitlines())
    assert len(splits["train"]) + len(splits["val"]) == trained
    assert len(splits["test"]) == len(numbers) - trained
    present = splits["train"].labels.unique()
    shares = splits["val"].labels.bincount()[present] / (trained / len(present))
    assert shares.min() > 0.06 and shares.max() < 0.14


@pytest.mark.data
def test_real_boxes_hold_birds(data_dir):
    """Every box has pixels, and more contrast than what is around it: birds are in focus, what is behind them less."""
    data = build_datamodule("cub", data_dir=data_dir, limit=50, batch_size=50)
    (batch,) = data.test_dataloader()
    grey = batch.images.float().mean(1)
    edges = grey.diff(dim=1)[:, :, :-1].abs() + grey.diff(dim=2)[:, :-1].abs()
    larger = []
    for image, (left, top, right, bottom) in zip(edges, batch.boxes.round().int().tolist(), strict=True):
        inside = torch.zeros_like(image, dtype=torch.bool)
        inside[top:bottom, left:right] = True
        assert inside.any()
        if (~inside).any():
            larger.append((image[inside].mean() > image[~inside].mean()).item())
    assert np.mean(larger) > 0.7


@pytest.mark.data
def test_real_parts_lie_on_birds(data_dir):
    data = build_datamodule("cub", data_dir=data_dir, limit=50, batch_size=50)
    lines = (data_dir / "CUB_200_2011" / "parts" / "parts.txt").read_text().splitlines()
    assert lines == [f"{number} {name}" for number, name in enumerate(PARTS, 1)]
    (batch,) = data.test_dataloader()
    points, visible = batch.parts[..., :2], batch.parts[..., 2] == 1
    assert 8 < visible.sum(1).float().mean() < 15  # a bird seen from one side shows one eye, one wing, one leg
    assert (points[~visible] == 0).all()
    inside = (points >= batch.boxes[:, None, :2] - 2) & (points <= batch.boxes[:, None, 2:] + 2)
    assert inside.all(2)[visible].float().mean() > 0.98
