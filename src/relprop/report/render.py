"""A page as one HTML document that holds all it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from relprop.report.galleries import Extremes, Same, extremes, same
from relprop.report.grid import Grid, grid
from relprop.report.page import Page, Section
from relprop.report.pictures import Picture, Pictures
from relprop.report.plots import Plot, plots
from relprop.report.strokes import Stroke, stroke


@dataclass(frozen=True)
class _Method:
    name: str
    stroke: Stroke


@dataclass(frozen=True)
class _Section:
    title: str
    caption: str
    notes: Sequence[str]
    grid: Grid
    plots: Sequence[Plot]
    figures: Mapping[str, Picture]
    same: Same
    extremes: Sequence[Extremes]


def render(page: Page) -> str:
    """The page as HTML: style, scripts and pictures inside, no request to anywhere, and a policy that forbids them.

    Texts are shown as they are, whatever they hold. Tables can be sorted by each column, and everything filtered by
    method; a click on a picture shows it at full size.
    Raises `UserError` for a figure that is not a PNG file.
    """
    numbers = {name: number for number, name in enumerate(page.methods())}
    pictures = Pictures()
    sections = [_section(section, numbers, pictures) for section in page.sections]
    methods = [_Method(name, stroke(number)) for name, number in numbers.items()]
    environment = Environment(
        loader=PackageLoader("relprop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    return template.render(page=page, sections=sections, methods=methods, sources=pictures.sources)


def _section(section: Section, numbers: Mapping[str, int], pictures: Pictures) -> _Section:
    return _Section(
        title=section.title,
        caption=section.table.caption,
        notes=section.table.notes(),
        grid=grid(section, numbers),
        plots=plots(section.curves, numbers),
        figures={name: pictures.add_png(file, name) for name, file in section.figures.items()},
        same=same(section.galleries, numbers, pictures),
        extremes=extremes(section.galleries, numbers, pictures),
    )
