"""Verbs on matplotlib axes: each takes tensors or arrays, draws, returns the axes, and never calls `show`."""

from corrlib.viz import style
from corrlib.viz.charts import curve_with_band, law_plot, layer_grid, training_record, verdict
from corrlib.viz.maps import gallery, heat, pca, pca_colors
from corrlib.viz.matches import legend_lines, matches, points

__all__ = [
    "curve_with_band",
    "gallery",
    "heat",
    "law_plot",
    "layer_grid",
    "legend_lines",
    "matches",
    "pca",
    "pca_colors",
    "points",
    "style",
    "training_record",
    "verdict",
]
