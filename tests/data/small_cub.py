"""Caltech-UCSD Birds with three classes of images of one colour."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from relprop.data import build_datamodule
from relprop.data.cub import Cub

# Three classes of the 200, by number, each with 20 training images, every third one of the 30 being for the test.
CLASSES = {3: "Sooty_Albatross", 22: "Chuck_will_Widow", 200: "Common_Yellowthroat"}


def small_cub(root: Path) -> Path:
    """The official layout in `root`; red is the class's number, and a box's left and top are the image's number.

    Part k is 10·k pixels to the right and below of that, and visible if k > image mod 15.
    """
    lists = {
        "images": [],
        "image_class_labels": [],
        "train_test_split": [],
        "bounding_boxes": [],
        "parts/part_locs": [],
    }
    (root / "parts").mkdir(parents=True)
    for number, name in CLASSES.items():
        bird = f"{number:03}.{name}"
        (root / "images" / bird).mkdir(parents=True)
        Image.new("RGB", (256, 256), (number, 0, 0)).save(png := BytesIO(), "png")
        for i in range(30):
            image = 1 + len(lists["images"])
            (root / "images" / bird / f"{name}_{i:04}.png").write_bytes(png.getvalue())
            lists["images"].append(f"{image} {bird}/{name}_{i:04}.png")
            lists["image_class_labels"].append(f"{image} {number}")
            lists["train_test_split"].append(f"{image} {int(i % 3 > 0)}")
            lists["bounding_boxes"].append(f"{image} {image}.0 {image}.5 100.0 80.0")
            for k in range(1, 16):
                visible = k > image % 15
                place = f"{image + 10 * k}.0 {image + 10 * k}.25" if visible else "0.0 0.0"
                lists["parts/part_locs"].append(f"{image} {k} {place} {int(visible)}")
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def data_of(folder: Path, **options: int) -> Cub:
    """The data set in `folder`."""
    return build_datamodule("cub", data_dir=folder.parent, **options)
