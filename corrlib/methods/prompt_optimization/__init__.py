"""Prompts found by optimisation: one embedding a point, such that its cross-attention peaks there.

`settings` says what a run depends on; `taps` reads attention maps; `crops` and `target` are the
geometry and the loss; `latents` encodes every crop of an image at most once; `optimise` finds
embeddings in batches; `locate` asks another image where an embedding's attention peaks; `cache`
keeps embeddings. The method itself is `corrlib.methods.prompt_optimization.method`.
"""
