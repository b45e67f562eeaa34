"""Fetching the benchmarks: transfer of one file, safe unpacking of one archive, and the parts of a
benchmark put together.
"""


class FetchError(ValueError):
    """Something could not be fetched; the message says what was tried and what to do."""
