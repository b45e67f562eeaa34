"""Write the table of results of README.md from the toybox profile's tables and take its picture, so
that nobody types or draws it.

python book/readme.py
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from book.stage import front_rows  # noqa: E402
from corrlib.experiments.profiles import load_profile  # noqa: E402

MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.S)


def markdown(rows: list[list[str]]) -> str:
    """Rows, head first, as a Markdown table."""
    head, *rest = rows
    bars = ["---" if i == 0 else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, bars, *rest)) + "\n"


def updated(readme: str) -> str:
    """The README with the present table between its marks."""
    return MARKS.sub(
        lambda found: (
            f"{found[1]}\n{markdown(front_rows(load_profile('toybox', ROOT)))}\n{found[2]}"
        ),
        readme,
    )


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text()))
    shutil.copy(
        ROOT / "build/toybox/figures/00_quickstart/picture.png", ROOT / ".github/picture.png"
    )
