"""Feature maps to matches: operations on maps, exact similarity at every pixel without a map of
pixels, and the estimators that turn two maps and query points into answers.

No network lives here; a feature map may come from anywhere.
"""
