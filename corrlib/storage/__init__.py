"""What is kept: files written whole or not at all, tensors on disk keyed by content, tables of
results written in parts, and what memory keeps of them.

No network, no data set and no method is known here: whoever keeps something hands it over.
"""
