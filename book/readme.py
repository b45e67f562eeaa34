"""Write the table of results of README.md from the toybox profile's tables, so that nobody types it.

    python book/readme.py            # rewrite
    python book/readme.py --check    # exit 1 when the README shows something else than the tables
"""

import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "build/toybox/tables/results.csv"
MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.S)


def markdown(path: Path) -> str:
    """A CSV file as a Markdown table."""
    with open(path, newline="") as lines:
        head, *rows = csv.reader(lines)
    bars = ["---" if i == 0 else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, bars, *rows)) + "\n"


def updated(readme: str) -> str:
    """The README with the present table between its marks."""
    return MARKS.sub(lambda found: f"{found[1]}\n{markdown(TABLE)}\n{found[2]}", readme)


if __name__ == "__main__":
    if not TABLE.is_file():
        sys.exit(f"{TABLE.relative_to(ROOT)} is not there yet: ./run makes it")
    path = ROOT / "README.md"
    old, new = path.read_text(), updated(path.read_text())
    if "--check" in sys.argv:
        sys.exit("README.md shows other results than the tables: ./run python book/readme.py" if old != new else 0)
    path.write_text(new)
