"""SD4Match: Stable Diffusion's features under a learned prompt. Its settings, what it computes of
an image whatever the prompt, the method, and how prompts are taught.

*Source:* Li et al., "SD4Match: Learning to Prompt Stable Diffusion Model for Semantic Matching",
CVPR 2024; released code `ActiveVisionLab/SD4Match`, commit 3d7b09e.
"""
