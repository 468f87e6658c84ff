"""Cameras, by a fake of `cv2.VideoCapture`: there is none where tests run."""

import cv2
import numpy as np
import pytest

from relprop.errors import UserError
from relprop.live.cameras import USUAL_RATE, Camera
from relprop.live.sources import open_source
from tests.live.videos import FakeCapture, photo


def test_a_machine_without_a_camera_is_told_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"source=webcam:63: there is no camera 63.*or give a video file"):
        open_source("webcam:63", every_frame=False)
    assert capfd.readouterr() == ("", "")


def test_frames_are_those_of_the_camera_whatever_their_size() -> None:
    frames = [photo(0), photo(1, (48, 80)), photo(2)]
    capture = FakeCapture([0, 0.01, 0.02], frames, rate=25.0)
    camera = Camera(0, capture)
    assert (camera.rate, camera.live, camera.name) == (25.0, True, "webcam")
    assert capture.settings == {cv2.CAP_PROP_BUFFERSIZE: 1}
    for number, frame in enumerate(frames):
        read = camera.read()
        assert read is not None and np.array_equal(read, frame)
        assert 0 <= camera.due < 0.01 * number + 0.2
    assert camera.read() is None
    with pytest.raises(UserError, match="webcam gives no more pictures; is it still connected"):
        camera.check_end()
    camera.close()
    assert capture.released


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_a_camera_that_does_not_know_its_rate_has_the_usual_one(rate: float) -> None:
    assert Camera(1, FakeCapture([0], rate=rate)).rate == USUAL_RATE
    assert Camera(1, FakeCapture([0], rate=rate)).name == "webcam:1"


def test_an_empty_frame_is_none() -> None:
    assert Camera(0, FakeCapture([0], [np.zeros((0, 0, 3), np.uint8)])).read() is None


@pytest.mark.parametrize("given", ["webcam:", "webcam:x", "webcam:-1", "webcam2", "webcam:123"])
def test_what_names_no_camera_is_refused(given: str) -> None:
    with pytest.raises(UserError, match=f"source={given} names no camera; say source=webcam"):
        open_source(given, every_frame=False)


def test_a_camera_has_no_every_frame() -> None:
    with pytest.raises(UserError, match="every_frame=true is for video files"):
        open_source("webcam", every_frame=True)
