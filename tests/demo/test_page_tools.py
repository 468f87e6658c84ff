"""The page in a real browser: patches, the way through the layers, curves, downloads."""

import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from safetensors.torch import load

from relprop.visualization import colour_limit, colourize, is_signed
from tests.browser import press, texts
from tests.demo.driver import OVERFLOW, SOON, WIDTHS, Driver, decoded
from tests.demo.server import Server
from tests.demo.truth import Truth

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def painted(pixels: torch.Tensor, side: int, *squares: tuple[int, int]) -> torch.Tensor:
    """Black squares on it."""
    blackened = pixels.clone()
    for row, column in squares:
        blackened[:, row * side : (row + 1) * side, column * side : (column + 1) * side] = 0
    return blackened


def check_painted(driver: Driver, truth: Truth, clean: torch.Tensor, now: torch.Tensor) -> None:
    """Classes, their change, the map, the clean map and the change of it, against the package's own."""
    assert driver.easel().equal(now)
    probabilities, before = truth.probabilities(now), truth.probabilities(clean)
    shown = driver.classes()
    for row in shown:
        index = list(truth.data.class_names).index(row.name)
        assert row.percent == pytest.approx(100 * probabilities[index].item(), abs=0.06)
        assert row.change == pytest.approx(100 * (probabilities - before)[index].item(), abs=0.11)
    assert {row.name for row in shown} >= {truth.data.class_names[i] for i in probabilities.topk(5).indices}
    target = int(probabilities.argmax())
    maps = torch.stack([truth.heatmap(now, target), truth.heatmap(clean, target)])
    signed, limit = is_signed(maps), max(colour_limit(maps[:1]), colour_limit(maps[1:]))
    for heatmap, kind in zip(maps, (".map", ".pair > :first-child img"), strict=True):
        expected = colourize(heatmap[None], signed, limit)[0].mul(255)
        assert (driver.map("lrp", kind).float() - expected).abs().max() <= 3
    expected = colourize(maps[:1] - maps[1:], True, limit)[0].mul(255)
    assert (driver.map("lrp", ".pair > :last-child img").float() - expected).abs().max() <= 3
    distance = 100 * ((maps[0] - maps[1]).norm() / maps[1].norm()).item()
    moved = texts(driver.page, "#maps .card .limit")[-1]
    assert float(re.findall(r"changed by (\d+) %", moved)[0]) == pytest.approx(distance, abs=0.6)


@pytest.mark.parametrize("width", WIDTHS)
def test_squares_are_painted_and_taken_back(opened, width: int, truth: Truth, tmp_path: Path) -> None:
    driver = opened(width)
    clean = driver.choose_sample(8)
    side = int(driver.part("easel").locator("select").input_value())
    with driver.explained_anew():
        driver.paint((3, 3))
    check_painted(driver, truth, clean, painted(clean, side, (3, 3)))
    row = [(4, column) for column in range(1, 6)]
    with driver.explained_anew():
        driver.paint(row[0], row[-1])
    check_painted(driver, truth, clean, painted(clean, side, (3, 3), *row))
    expect(driver.part("easel").locator(".caption")).to_contain_text("2 strokes")
    assert driver.page.evaluate(OVERFLOW) <= 0
    driver.keep(f"painted_{width}", tmp_path)
    with driver.explained_anew():
        driver.part("easel").get_by_role("button", name="Undo").click()
    check_painted(driver, truth, clean, painted(clean, side, (3, 3)))
    with driver.explained_anew():
        driver.part("easel").get_by_role("button", name="Clear").click()
    assert driver.easel().equal(clean)
    assert [each.change for each in driver.classes()] == [None] * 5
    expect(driver.part("maps").locator(".pair")).to_have_count(0)


def test_squares_are_painted_by_keys_alone(opened, truth: Truth) -> None:
    driver = opened()
    clean = driver.choose_sample(9)
    easel = driver.part("easel")
    easel.get_by_role("button", name="black").press("Enter")
    easel.locator("select").select_option("8")
    easel.locator("canvas").focus()
    press(driver.page, "ArrowRight", "ArrowRight", "ArrowUp")  # the first key shows where one is
    with driver.explained_anew():
        press(driver.page, "Enter")
    easel.locator("canvas").dispatch_event("pointerleave")
    check_painted(driver, truth, clean, painted(clean, 8, (0, 2)))


def test_all_paints_paint(opened, truth: Truth) -> None:
    driver = opened()
    clean = driver.choose_sample(10)
    side = int(driver.part("easel").locator("select").input_value())
    colours = {"mean": torch.tensor(truth.data.mean).mul(255).round().byte().view(3, 1, 1), "white": torch.tensor(255)}
    for number, paint in enumerate(("mean", "noise", "white", "blur")):
        with driver.explained_anew():
            driver.paint((number + 1, 3), (number + 1, 4), paint=paint)
        square = (..., slice((number + 1) * side, (number + 2) * side), slice(3 * side, 5 * side))
        now = driver.easel()[square]
        assert not now.equal(clean[square])
        if paint in colours:
            assert (now == colours[paint]).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_slider_walks_through_the_layers(opened, width: int, truth: Truth, tmp_path: Path) -> None:
    driver = opened(width)
    pixels = driver.choose_sample(2)
    driver.open_tab("Layers")
    expect(driver.page.locator(".layers .walk")).to_be_visible(timeout=SOON)
    rows = {row.step: row for row in truth.audit(pixels, int(truth.probabilities(pixels).argmax())).rows}
    slider = driver.page.locator(".layers input[type=range]")
    slider.focus()
    press(driver.page, "Home")
    last = int(slider.get_attribute("max") or 0)
    names = []
    for step in range(last + 1):
        names.append(driver.page.locator(".layers h3").inner_text())
        facts = dict(zip(texts(driver.page, ".layers th"), texts(driver.page, ".layers td"), strict=True))
        if row := rows.get(names[-1]):
            assert facts["rule"] == row.rule
            for name, value in (("gets", row.relevance_out), ("hands on", row.relevance_in), ("absorbs", row.lost)):
                assert first_number(facts[name]) == pytest.approx(value, rel=2e-3, abs=1e-6), (names[-1], name)
        assert step < last or slider.input_value() == str(last)
        press(driver.page, "ArrowRight")
    assert len(set(names)) == last + 1 and names[-1] == "input"
    assert set(rows) >= set(names) - {"input"}
    heatmap = truth.heatmap(pixels, int(truth.probabilities(pixels).argmax()))
    expected = colourize(heatmap[None], is_signed(heatmap[None]))[0].mul(255)
    assert (decoded(driver.page.locator(".layers figure img")).float() - expected).abs().max() <= 3
    assert driver.page.evaluate(OVERFLOW) <= 0
    driver.keep(f"layers_{width}", tmp_path)
    driver.choose_sample(3)  # the way follows the picture
    expect(driver.page.locator(".layers h3")).to_have_text("input")
    driver.choose("methods", "gradient")
    driver.part("methods").locator(".token", has_text="lrp").locator(".token-remove").click()
    expect(driver.page.locator(".layers .empty")).to_contain_text("only method lrp walks", timeout=SOON)


@pytest.mark.parametrize("width", WIDTHS)
def test_curves_come_with_one_click(opened, width: int, tmp_path: Path) -> None:
    driver = opened(width)
    driver.open_tab("Trust")
    driver.part("run-trust").click()
    image = driver.part("trust").locator("img")
    expect(image).to_be_visible(timeout=4 * SOON)
    told = image.get_attribute("alt") or ""
    assert re.search(r"lrp: insertion \d\.\d+, deletion \d\.\d+", told) and "random map 3" in told
    assert image.evaluate("image => image.complete && image.naturalWidth") > 300
    assert driver.page.evaluate(OVERFLOW) <= 0
    driver.keep(f"trust_{width}", tmp_path)
    driver.choose_sample(6)
    expect(image).to_have_count(0)  # curves of another picture would mislead


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_can_be_taken_away(opened, width: int, server: Server, truth: Truth, tmp_path: Path) -> None:
    driver = opened(width)
    clean = driver.choose_sample(7)
    side = int(driver.part("easel").locator("select").input_value())
    with driver.explained_anew():
        driver.paint((2, 2))
    driver.open_tab("Download")
    driver.part("write").click()
    links = driver.part("files").get_by_test_id("download-link")
    expect(links).to_have_count(3, timeout=SOON)
    files = {}
    for link in links.all():
        with driver.page.expect_download() as coming:
            link.click()
        files[coming.value.suggested_filename] = Path(coming.value.path()).read_bytes()
    assert set(files) == {"lrp.png", "lrp.safetensors", "input.png"}
    pixels = painted(clean, side, (2, 2))
    heatmap = truth.heatmap(pixels, int(truth.probabilities(pixels).argmax()))
    (written,) = load(files["lrp.safetensors"]).values()
    torch.testing.assert_close(written.squeeze(), heatmap, rtol=1e-3, atol=1e-6)
    with Image.open(io.BytesIO(files["input.png"])) as picture:
        assert torch.from_numpy(np.array(picture)).movedim(-1, 0).equal(pixels)
    command = driver.part("command").locator(".cm-content").inner_text().replace("\n", "")
    words = shlex.split(command)
    assert words[:2] == ["python", "scripts/visualize.py"]
    assert f"ckpt={server.checkpoint('resnet')}" in words and "cut=none" in words
    assert driver.page.evaluate(OVERFLOW) <= 0
    driver.keep(f"download_{width}", tmp_path)


def first_number(text: str) -> float:
    return float(re.findall(r"[−-]?[\d.]+(?:e[−+-]?\d+)?", text)[0].replace("−", "-"))
