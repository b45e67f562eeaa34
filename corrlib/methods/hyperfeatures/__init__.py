"""Diffusion Hyperfeatures: features of many layers at many timesteps of a diffusion model, mixed
into one map by a trained head.

`settings` says what a run depends on; `frozen` walks an image's latent up to noise, or a picture
down from it, and reads the decoder on the way; `method` folds what it reads into the head's sum;
`synthetic` draws pictures that come with their features; `teaching` is what a head is trained on.

*Source:* Luo et al., "Diffusion Hyperfeatures: Searching Through Time and Space for Semantic
Correspondence", NeurIPS 2023; released code `diffusion-hyperfeatures/diffusion_hyperfeatures`,
commit 4a5ec2b.
"""
