"""Networks as sources of features: diffusion models, how their layers are read while a pass runs,
the noise they are given, and which weights exist and where they lie.

What is done with features belongs into matching, heads or a method.
"""
