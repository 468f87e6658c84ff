"""What the page says, as HTML. Texts are shown as they are, whatever they hold."""

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from relprop.demo.drawing import SMALL, colour_bar, embedded, embedded_map
from relprop.demo.looking import View
from relprop.demo.samples import Sample
from relprop.visualization import colour_limit, is_signed, overlay
from relprop.visualization.colors import QUANTILE, limit_text

TICKS = {True: ("−100 %", "0", "100 %"), False: ("0", "50 %", "100 %")}
SCALE = f"share of each map's own maximum, the {100 * QUANTILE:g} % quantile of |relevance|, which stands below it"


def template(name: str) -> str:
    """The source of a file in `templates`."""
    return (files("relprop.demo") / "templates" / name).read_text(encoding="utf-8")


def maps_html(view: View) -> str:
    """All heatmaps side by side on one colour scale; of a painted picture, beside the clean one and the change."""
    shown = [*view.heatmaps.values(), *(view.clean.heatmaps.values() if view.clean else ())]
    signed = any(is_signed(heatmap.unsqueeze(0)) for heatmap in shown)
    before = view.clean.refused if view.clean else {}
    return _render(
        "maps.html",
        cards=[_card(view, name, signed) for name in view.heatmaps],
        refused={**view.refused, **{f"{name}, clean": reason for name, reason in before.items()}},
        small=_is_small(view.pixels),
        bar=colour_bar(signed),
        ticks=TICKS[signed],
        scale=SCALE + ("; a painted map and its clean one share the larger" if view.clean else ""),
    )


def classes_html(view: View) -> str:
    """The most probable classes; of a painted picture also those of the clean one, with what has changed."""
    clean = view.clean
    indices = [index for index, _ in view.top]
    if clean:
        indices += [index for index, _ in clean.top if index not in indices]
    if view.target not in indices:
        indices.append(view.target)
    return _render(
        "classes.html",
        head=f"{view.picture.title}, by {view.opened.name}",
        rows=[_class_row(view, index) for index in indices],
        painted=clean is not None,
        note="A click explains another class." + (" The mark shows the clean picture's." if clean else ""),
    )


def refusal_html(reason: str) -> str:
    """Why there is no map, in its place."""
    return f'<p class="refused">{escape(reason)}</p>'


def samples_html(samples: Sequence[Sample], reason: str) -> str:
    """Samples to click on, and why there are none."""
    each = [{"uri": embedded(s.pixels), "position": s.position, "label": s.label} for s in samples]
    return _render("samples.html", samples=each, small=bool(samples) and _is_small(samples[0].pixels), reason=reason)


def trust_html(figures: Sequence[str], scores: str, notes: Sequence[str]) -> str:
    """Curves, embedded for wide and for narrow screens; `scores` is for those who cannot see them."""
    return _render("trust.html", figures=figures, scores=scores, notes=notes)


def _card(view: View, name: str, signed: bool) -> dict[str, Any]:
    heatmap, clean = view.heatmaps[name], view.clean
    card = {"name": name, "options": view.said[name].removeprefix(name).strip()}
    if clean is None or name not in clean.heatmaps:
        return {**card, "now": _pictures(view, heatmap, signed, None), "limit": limit_text(heatmap)}
    before = clean.heatmaps[name]
    # The stronger one: where another class is predicted now, the clean map speaks of it in a whisper.
    scaling = max(
        (each for each in (before, heatmap) if each.any()),
        key=lambda each: colour_limit(each.unsqueeze(0)).item(),
        default=heatmap,
    )
    limit = colour_limit(scaling.unsqueeze(0))
    return {
        **card,
        "now": _pictures(view, heatmap, signed, limit),
        "limit": limit_text(scaling),
        "clean": _pictures(clean, before, signed, limit),
        "change": embedded_map(heatmap - before, True, limit),
        "moved": _moved(before, heatmap),
    }


def _moved(before: Tensor, now: Tensor) -> str:
    """By how much a map differs from the clean one."""
    sums = f"{before.sum().item():.4g} to {now.sum().item():.4g}".replace("-", "−")
    if not before.any():
        return f"the clean map is zero everywhere; the sum has changed from {sums}"
    distance = (now - before).double().norm() / before.double().norm()
    return f"the map has changed by {100 * distance.item():.0f} % (L2), its sum from {sums}"


def _pictures(view: View, heatmap: Tensor, signed: bool, limit: Tensor | None) -> dict[str, str]:
    image = view.pixels.float().unsqueeze(0) / 255
    laid_over = overlay(image, heatmap.unsqueeze(0), signed, limit)[0]
    return {"map": embedded_map(heatmap, signed, limit), "overlay": embedded(laid_over)}


def _class_row(view: View, index: int) -> dict[str, Any]:
    now = view.probabilities[index].item()
    was = view.clean.probabilities[index].item() if view.clean else now
    change = round(100 * (now - was), 1) + 0.0  # no −0.0
    return {
        "index": index,
        "name": view.class_name(index),
        "explained": index == view.target,
        "now": _percent(now),
        "width": f"{100 * now:.2f}",
        "was": f"{100 * was:.2f}",
        "change": f"{change:+.1f}".replace("-", "−"),
        "way": "up" if change > 0 else "down" if change < 0 else "same",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _is_small(pixels: Tensor) -> bool:
    return max(pixels.shape[1:]) <= SMALL


def _render(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("relprop.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
