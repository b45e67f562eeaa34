"""A small trainable head on frozen features: many layers and timesteps of a network in, one
descriptor map out. No backbone is run here: features come in.

`bottleneck` brings one layer to the common grid, `aggregation` mixes them, `loss` compares two maps
at labelled points, `bank` holds frozen features and labels, `training` fits the head, `files` keeps
it, `published` reads the authors' own.

*Source:* Luo et al., "Diffusion Hyperfeatures", NeurIPS 2023, and its released code.
"""
