"""Semantic correspondence with diffusion features: a small tested library and the book that runs on
it.

Importing `corrlib` imports nothing heavy; take what you need from its modules.
"""

__version__ = "0.1.0"
