"""Prompts found by optimisation: one embedding a point, such that its cross-attention peaks there.

`method` is the method and `word_attention` its baseline without optimisation. `settings` says what
a run depends on; `attention_maps` reads them; `crops` and `gaussian_loss` are the geometry and the
loss; `crop_latents` encodes every crop of an image at most once; `optimise` finds embeddings in
batches; `locate` asks another image where an embedding's attention peaks; `embedding_cache` keeps
them; `cost` counts multiply-adds. `labels` are matches of it on training pictures, and `student` is
the fast method that learns from them, by `distillation`.
"""
