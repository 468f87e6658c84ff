"""Relevance as pictures: colours, overlays, sheets and plots. Knows matplotlib, numpy, Pillow and torch only."""

from relprop.visualization.bare import save_picture
from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed
from relprop.visualization.conservation import conservation_scatter
from relprop.visualization.contact_sheet import contact_sheet
from relprop.visualization.curves import perturbation_curves
from relprop.visualization.figures import figure_to_array, save_figure
from relprop.visualization.flips import flips_per_step
from relprop.visualization.method_panel import method_panel
from relprop.visualization.overlay import overlay
from relprop.visualization.perturbed_sheet import perturbed_sheet

__all__ = [
    "colour_limit",
    "colour_map",
    "colourize",
    "conservation_scatter",
    "contact_sheet",
    "figure_to_array",
    "flips_per_step",
    "is_signed",
    "method_panel",
    "overlay",
    "perturbation_curves",
    "perturbed_sheet",
    "save_figure",
    "save_picture",
]
