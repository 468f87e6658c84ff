"""Relevance as pictures: colours, overlays, sheets and plots. Knows matplotlib, numpy, Pillow and torch only."""

from relprop.visualization.bare import save_picture
from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed
from relprop.visualization.conservation import conservation_scatter
from relprop.visualization.contact_sheet import contact_sheet
from relprop.visualization.curves import perturbation_curves
from relprop.visualization.figures import figure_to_array, figure_to_png, save_figure
from relprop.visualization.flips import flips_per_step
from relprop.visualization.method_curves import method_curves
from relprop.visualization.method_panel import method_panel
from relprop.visualization.method_sheet import method_sheet
from relprop.visualization.overlay import overlay
from relprop.visualization.perturbed_sheet import perturbed_sheet
from relprop.visualization.rank_comparison import rank_comparison
from relprop.visualization.score_grid import score_grid
from relprop.visualization.score_intervals import score_intervals
from relprop.visualization.score_lines import score_lines

__all__ = [
    "colour_limit",
    "colour_map",
    "colourize",
    "conservation_scatter",
    "contact_sheet",
    "figure_to_array",
    "figure_to_png",
    "flips_per_step",
    "is_signed",
    "method_curves",
    "method_panel",
    "method_sheet",
    "overlay",
    "perturbation_curves",
    "perturbed_sheet",
    "rank_comparison",
    "save_figure",
    "save_picture",
    "score_grid",
    "score_intervals",
    "score_lines",
]
