"""A report as one HTML file that needs no network: tables to sort and filter, curves, pictures, configs."""

from relprop.report.page import Curve, Gallery, Page, Section, Shown
from relprop.report.render import render

__all__ = ["Curve", "Gallery", "Page", "Section", "Shown", "render"]
