"""Relevance as pictures: colours, overlays, contact sheets and plots. Knows matplotlib, numpy and torch only."""

from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed
from relprop.visualization.conservation import conservation_scatter
from relprop.visualization.contact_sheet import contact_sheet
from relprop.visualization.curves import perturbation_curves
from relprop.visualization.figures import figure_to_array, save_figure
from relprop.visualization.flips import flips_per_step
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
    "overlay",
    "perturbation_curves",
    "perturbed_sheet",
    "save_figure",
]
