"""Relevance as pictures: colours, overlays, contact sheets and curves. Knows matplotlib, numpy and torch only."""

from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed
from relprop.visualization.contact_sheet import contact_sheet
from relprop.visualization.curves import insertion_deletion_curves
from relprop.visualization.figures import figure_to_array, save_figure
from relprop.visualization.overlay import overlay

__all__ = [
    "colour_limit",
    "colour_map",
    "colourize",
    "contact_sheet",
    "figure_to_array",
    "insertion_deletion_curves",
    "is_signed",
    "overlay",
    "save_figure",
]
