"""Verbs on matplotlib axes: each takes tensors or arrays, draws, returns the axes, and never calls
`show`. Colours are safe for colour-blind readers. Nothing is computed here that a table
should hold.
"""

from corrlib.viz import style
from corrlib.viz.charts import (
    category_bars,
    curve_with_band,
    law_plot,
    layer_grid,
    size_plot,
    training_record,
    verdict,
)
from corrlib.viz.maps import gallery, heat, pca, pca_colors
from corrlib.viz.marked import circles, labelled, points
from corrlib.viz.matches import legend_lines, matches
from corrlib.viz.world import chart, dense, part_centres, part_colors, truth_layers

__all__ = [
    "category_bars",
    "chart",
    "circles",
    "curve_with_band",
    "dense",
    "gallery",
    "heat",
    "labelled",
    "law_plot",
    "layer_grid",
    "legend_lines",
    "matches",
    "part_centres",
    "part_colors",
    "pca",
    "pca_colors",
    "points",
    "size_plot",
    "style",
    "training_record",
    "truth_layers",
    "verdict",
]
