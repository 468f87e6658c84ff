"""The page's HTML, read by a parser: texts as they are, whatever they hold, and pictures of exactly the maps."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
import torch
from torch import Tensor

from relprop.data.digits import Digits
from relprop.demo.looking import View
from relprop.demo.rendering import TICKS, classes_html, maps_html, samples_html, template, trust_html
from relprop.demo.samples import Sample
from relprop.visualization import colour_limit, colourize, overlay
from tests.demo.rooms import normalised, opened, picture, pixels
from tests.demo.test_drawing import decoded, in_bytes

NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b &amp; 'c'", "Ästhetik 猫 ✓")
POSITIVE = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
SIGNED = torch.randn(32, 32, generator=torch.Generator().manual_seed(1))


@dataclass
class Node:
    """An element: its attributes, its text with that of those inside, and all elements inside."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: list["Node"] = field(default_factory=list)

    def all(self, tag: str, name: str = "") -> list["Node"]:
        """Those inside with this tag, and this class if one is given."""
        found = [node for node in self.inside if node.tag == tag]
        return [node for node in found if not name or name in node.attributes.get("class", "").split()]

    def one(self, tag: str, name: str = "") -> "Node":
        (node,) = self.all(tag, name)
        return node


class Reader(HTMLParser):
    """Builds the tree; what is not closed as it was opened is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        for each in self.open:
            each.inside.append(node)
        if tag not in ("img", "source", "input", "line", "path"):
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.text += data


def read(html: str) -> Node:
    """The tree of some HTML."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


def view(heatmaps: dict[str, Tensor], clean: View | None = None, names: tuple[str, ...] = Digits.class_names) -> View:
    """A look at noise, for class 2, at probabilities of which the sixth class has the least."""
    data = type("Renamed", (Digits,), {"class_names": names})()
    probabilities = torch.tensor([0.5, 0.2, 0.1, 0.0999, 0.08, 0.0001, 0.02, 0, 0, 0])
    said = {name: f"{name} composite=epsilon" for name in heatmaps}
    shown, image = picture(), pixels()
    return View(opened(data), shown, image, normalised(image), probabilities, 2, heatmaps, said, {}, clean)


def shown(image: Node) -> Tensor:
    return decoded(image.attributes["src"])


def test_maps_have_exactly_the_pixels_of_colourize_and_overlay() -> None:
    root = read(maps_html(view({"lrp": SIGNED, "gradcam": POSITIVE})))
    assert [card.attributes["data-method"] for card in root.all("figure", "card")] == ["lrp", "gradcam"]
    for card, heatmap in zip(root.all("figure", "card"), (SIGNED, POSITIVE), strict=True):
        heatmap = heatmap.unsqueeze(0)
        assert torch.equal(shown(card.one("img", "map")), in_bytes(colourize(heatmap, True)[0]))
        laid_over = overlay(pixels().unsqueeze(0) / 255, heatmap, True)[0]
        assert torch.equal(shown(card.one("img", "over")), in_bytes(laid_over))
        assert f"100 % = {colour_limit(heatmap).item():.3g}" in card.one("p", "limit").text
        assert card.one("figcaption").text == f"{card.attributes['data-method']}composite=epsilon"
        assert not card.all("div", "pair")


@pytest.mark.parametrize(("heatmap", "signed"), [(POSITIVE, False), (-POSITIVE, True), (SIGNED, True)])
def test_one_scale_goes_for_all_maps(heatmap: Tensor, signed: bool) -> None:
    root = read(maps_html(view({"gradcam": POSITIVE, "lrp": heatmap})))
    assert [tick.text for tick in root.one("div", "ticks").all("span")] == [*TICKS[signed]]
    expected = in_bytes(colourize(POSITIVE.unsqueeze(0), signed)[0])
    assert torch.equal(shown(root.all("img", "map")[0]), expected)
    painted = read(maps_html(view({"gradcam": POSITIVE}, view({"gradcam": heatmap}))))
    assert [tick.text for tick in painted.one("div", "ticks").all("span")] == [*TICKS[signed]]


@pytest.mark.parametrize(("now", "clean"), [(2 * SIGNED, POSITIVE), (0.1 * SIGNED, POSITIVE)])
def test_a_painted_pictures_map_stands_beside_the_clean_one_on_the_scale_of_the_stronger(
    now: Tensor, clean: Tensor
) -> None:
    card = read(maps_html(view({"lrp": now}, view({"lrp": clean})))).one("figure", "card")
    limit = torch.maximum(colour_limit(clean.unsqueeze(0)), colour_limit(now.unsqueeze(0)))
    before, change = card.one("div", "pair").all("img")
    for image, heatmap in ((card.one("img", "map"), now), (before, clean), (change, now - clean)):
        assert torch.equal(shown(image), in_bytes(colourize(heatmap.unsqueeze(0), True, limit)[0]))
    moved = 100 * ((now - clean).square().sum().sqrt() / clean.square().sum().sqrt()).item()
    sums = f"{clean.sum().item():.4g} to {now.sum().item():.4g}".replace("-", "−")
    limits = [line.text for line in card.all("p", "limit")]
    assert limits == [f"100 % = {limit.item():.3g}", f"the map has changed by {moved:.0f} % (L2), its sum from {sums}"]


def test_a_clean_map_of_zeros_leaves_the_painted_one_its_own_scale() -> None:
    card = read(maps_html(view({"lrp": SIGNED}, view({"lrp": 0 * SIGNED})))).one("figure", "card")
    assert torch.equal(shown(card.one("img", "map")), in_bytes(colourize(SIGNED.unsqueeze(0), True)[0]))
    limit, moved = (line.text for line in card.all("p", "limit"))
    assert limit == f"100 % = {colour_limit(SIGNED.unsqueeze(0)).item():.3g}"
    assert moved.startswith("the clean map is zero everywhere; the sum has changed from 0 to ")
    tiny = read(maps_html(view({"lrp": 3e-30 * SIGNED}, view({"lrp": 1e-30 * SIGNED})))).all("p", "limit")
    assert "changed by 200 %" in tiny[1].text


def test_a_painted_map_of_zeros_leaves_the_clean_one_its_scale() -> None:
    faint = 0.02 * POSITIVE
    card = read(maps_html(view({"lrp": torch.zeros(32, 32)}, view({"lrp": faint})))).one("figure")
    assert card.all("p", "limit")[0].text == f"100 % = {colour_limit(faint.unsqueeze(0)).item():.3g}"


def test_what_gave_no_map_is_named_with_its_reason() -> None:
    clean = replace(view({"lrp": POSITIVE}), refused={"lime": "<i>why</i>"})
    both = replace(view({"lrp": POSITIVE, "lime": SIGNED}, clean), refused={"rise": 'too "large" & slow'})
    root = read(maps_html(both))
    assert [line.text for line in root.all("p", "refused")] == ['rise too "large" & slow', "lime, clean <i>why</i>"]
    assert len(root.all("div", "pair")) == 1  # lime has nothing to be compared with


def test_class_names_are_text_whatever_they_hold() -> None:
    names = (*NASTY, *Digits.class_names[4:])
    painted = view({"lrp": POSITIVE}, view({"lrp": POSITIVE}, names=names), names=names)
    for html in (classes_html(painted), classes_html(replace(painted, clean=None))):
        root = read(html)
        assert [row.text for row in root.all("span", "name")] == [*names[:5]]
        assert [row.attributes["title"] for row in root.all("button")] == [f"Explain “{name}”" for name in names[:5]]
        assert not root.all("script") and not root.all("img")
    named = replace(painted, picture=replace(painted.picture, name=NASTY[0]))
    assert read(classes_html(named)).one("p", "head").text == f"{NASTY[0]}, by small on digits"


def test_the_top_five_are_told_and_the_explained_class() -> None:
    root = read(classes_html(replace(view({"lrp": POSITIVE}), target=5)))
    assert [row.attributes["data-class"] for row in root.all("button")] == ["0", "1", "2", "3", "4", "5"]
    assert [row.attributes["data-class"] for row in root.all("button", "explained")] == ["5"]
    assert [row.text for row in root.all("span", "value")] == ["50.0 %", "20.0 %", "10.0 %", "10.0 %", "8.0 %", "0.0 %"]
    assert not root.all("span", "change")


def test_what_has_changed_is_told_class_by_class() -> None:
    clean = replace(view({"lrp": POSITIVE}), probabilities=torch.tensor([0.1, 0.2002, 0.1999, 0.1, 0, 0, 0, 0.4, 0, 0]))
    root = read(classes_html(view({"lrp": POSITIVE}, clean)))
    assert [row.attributes["data-class"] for row in root.all("button")] == ["0", "1", "2", "3", "4", "7"]
    changes = root.all("span", "change")
    assert [change.text for change in changes] == ["+40.0", "+0.0", "−10.0", "+0.0", "+8.0", "−40.0"]
    ways = [change.attributes["class"].split()[1] for change in changes]
    assert ways == ["up", "same", "down", "same", "up", "down"]
    assert root.all("span", "was")[5].attributes["style"] == "left: 40.00%"


def test_samples_are_shown_with_their_labels_or_the_reason_why_not() -> None:
    samples = [Sample(pixels(i), 10 + i, name) for i, name in enumerate(NASTY)]
    root = read(samples_html(samples, ""))
    assert [button.attributes["data-sample"] for button in root.all("button")] == ["0", "1", "2", "3"]
    for sample, image, button in zip(samples, root.all("img"), root.all("button"), strict=True):
        assert torch.equal(shown(image), sample.pixels) and image.attributes["alt"] == sample.label
        assert button.attributes["title"] == f"Test image {sample.position}: {sample.label}"
    assert not root.all("p")
    none = read(samples_html([], "no samples: <b>gone</b>"))
    assert none.one("p").text == "no samples: <b>gone</b>" and not none.all("button")


def test_curves_are_told_in_words_too() -> None:
    root = read(trust_html(["data:image/png;base64,wide", "data:image/png;base64,tall"], NASTY[1], [NASTY[0], "b"]))
    image, source = root.one("img").attributes, root.one("source").attributes
    assert image["src"].endswith("wide") and source["srcset"].endswith("tall")
    assert image["alt"] == f"Insertion and deletion curves. {NASTY[1]}"
    assert [line.text for line in root.all("p", "note")] == [NASTY[0], "b"]


def test_no_hyphen_stands_for_a_minus() -> None:
    painted = view({"lrp": -SIGNED.abs()}, view({"lrp": -2 * SIGNED.abs() * 1e-7}))
    text = read(maps_html(painted)).text + read(classes_html(painted)).text
    assert "−" in text and not any(f"-{digit}" in text for digit in "0123456789")


def test_templates_are_files_of_the_package() -> None:
    assert "<canvas" in template("canvas.html")
