"""The lines of "How to use this book" that submit to a cluster."""

import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "book/how_to_use.md"


def documented(executor: str) -> list[str]:
    """What is typed after `./run snakemake` for a cluster of this kind, with names filled in, for
    the rehearsal's profile.
    """
    page = PAGE.read_text().replace("\\\n", " ")
    line = next(line for line in page.splitlines() if f"--executor {executor}" in line)
    words = shlex.split(line.replace("YOUR_", "a_").replace("profile=paper", "profile=rehearsal"))
    assert words[:2] == ["./run", "snakemake"]
    return words[2:]
