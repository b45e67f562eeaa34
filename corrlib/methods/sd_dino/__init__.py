"""SD + DINO: features of a diffusion model and of a vision transformer, fused.

`settings` says what decides a result, `taps` and `tokens` take the two features of one view,
`mosaic` and `captioner` are the released code's crops and its conditioning, `fusion` compares two
views, `method` puts it together, `supervised` trains a head on it.
*Source:* Zhang et al., "A Tale of Two Features", NeurIPS 2023; released code `Junyi42/sd-dino`,
commit b85df18.
"""
