import pickle
import struct
import traceback

import pytest
from PIL import Image
from torch._utils import ExceptionWrapper

from relprop.data.files import UnreadableImageError, class_files, read_rgb, with_progress
from relprop.errors import UserError


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    Image.new(mode, (5, 4)).save(tmp_path / "x.tiff")
    image = read_rgb(tmp_path / "x.tiff")
    assert (image.mode, image.size) == ("RGB", (5, 4))


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_undecodable_file_is_named(tmp_path, content):
    file = tmp_path / "x.jpg"
    Image.effect_noise((64, 64), 50).save(file)
    file.write_bytes(file.read_bytes()[:600] if content is None else content)
    with pytest.raises(UserError, match=r"x\.jpg cannot be decoded as an image"):
        read_rgb(file)


@pytest.mark.parametrize("error", [struct.error, IndexError, EOFError, RuntimeError, SyntaxError])
def test_whatever_a_decoder_raises_names_the_file(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error("inside")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(
        UnreadableImageError, match=rf"x\.jpg cannot be decoded as an image \({error.__name__}\); replace"
    ):
        read_rgb(tmp_path / "x.jpg")


def test_a_data_sets_images_are_read_as_they_are_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "x.jpg", exif=exif)
    assert read_rgb(tmp_path / "x.jpg").size == (5, 4)


def test_message_survives_the_way_out_of_a_worker():
    try:
        raise UnreadableImageError("a.jpg cannot be decoded")
    except UnreadableImageError:
        wrapped = pickle.loads(pickle.dumps(ExceptionWrapper(where="in DataLoader worker process 0")))
    with pytest.raises(UnreadableImageError) as caught:
        wrapped.reraise()
    assert str(caught.value) == "a.jpg cannot be decoded"
    assert "Caught" not in "".join(traceback.format_exception_only(caught.value))


def test_class_files_are_sorted_without_hidden_ones(tmp_path):
    for name in ("b.png", "a.png", ".DS_Store"):
        (tmp_path / name).touch()
    assert class_files(tmp_path) == ["a.png", "b.png"]


def test_missing_and_empty_class_folders_are_named(tmp_path):
    with pytest.raises(UserError, match="cat is missing"):
        class_files(tmp_path / "cat")
    (tmp_path / "cat").mkdir()
    with pytest.raises(UserError, match="cat is empty"):
        class_files(tmp_path / "cat")


@pytest.mark.parametrize(("process", "shown"), [("0", True), ("1", False)])
def test_the_first_of_several_processes_alone_shows_progress(process: str, shown: bool, monkeypatch, capsys) -> None:
    monkeypatch.setenv("LOCAL_RANK", process)
    assert list(with_progress([1, 2], "Reading")) == [1, 2]
    captured = capsys.readouterr()
    assert ("Reading" in captured.err) is shown and captured.out == ""
